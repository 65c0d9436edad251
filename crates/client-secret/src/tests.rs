use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::{JsonMember, NotASecret, check, pem};

/// An element of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match length {
        0..=0x7f => bytes.push(length.try_into().unwrap()),
        0x80..=0xff => bytes.extend([0x81, length.try_into().unwrap()]),
        _ => {
            bytes.push(0x82);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

const VERSION_3: [u8; 3] = [2, 1, 3];
const DATA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const RSA: [u8; 13] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

fn pfx() -> Vec<u8> {
    let safe = der(0xa0, &der(4, &[7; 900]));
    der(0x30, &[&VERSION_3[..], &der(0x30, &[&DATA[..], &safe].concat()), &der(0x30, &[1; 60])].concat())
}

/// The same in BER, whose lengths need not be known beforehand.
fn pfx_of_unknown_length() -> Vec<u8> {
    [&[0x30, 0x80][..], &VERSION_3, &[0x30, 0x80], &DATA, &[0xa0, 0x80, 0x24, 0x80, 4, 3, 1, 2, 3], &[0; 8]].concat()
}

fn rsa_private_key() -> Vec<u8> {
    der(0x30, &[&[2, 1, 0][..], &der(2, &[0x70; 256]), &[2, 3, 1, 0, 1], &der(2, &[0x11; 256])].concat())
}

fn pkcs8() -> Vec<u8> {
    der(0x30, &[&[2, 1, 0][..], &der(0x30, &RSA), &der(4, &rsa_private_key())].concat())
}

fn pkcs8_of_ed25519() -> Vec<u8> {
    der(0x30, &[&[2, 1, 0][..], &der(0x30, &[6, 3, 0x2b, 0x65, 0x70]), &der(4, &der(4, &[9; 32]))].concat())
}

fn certificate() -> Vec<u8> {
    let signed = der(0x30, &[&[0xa0, 3, 2, 1, 2, 2, 1, 7][..], &der(0x30, &RSA), &[5; 300]].concat());
    der(0x30, &[&signed[..], &der(0x30, &RSA), &der(3, &[1; 257])].concat())
}

/// `bytes` in the encodings in which binary turns up where a text is expected.
fn encodings(bytes: &[u8]) -> Vec<String> {
    let base64 = STANDARD.encode(bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let lines = |end: &str| {
        base64.as_bytes().chunks(64).map(|line| format!("{}{end}", String::from_utf8_lossy(line))).collect()
    };
    vec![
        lines("\n"),
        lines("\r\n"),
        lines(" "),
        lines("\\n"),
        format!("\"{base64}\""),
        format!("'{base64}'\n"),
        format!("\u{feff}{base64}"),
        base64.trim_end_matches('=').to_owned(),
        format!("data:application/x-pkcs12;base64,{base64}"),
        // Base64 over base64, as in a Kubernetes manifest.
        STANDARD.encode(&base64),
        STANDARD.encode(STANDARD.encode(&base64)),
        base64,
        URL_SAFE_NO_PAD.encode(bytes),
        hex.to_lowercase(),
        format!("0x{hex}"),
        hex,
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
    ]
}

#[test]
fn every_binary_form_is_recognised_in_every_encoding_and_when_it_is_cut_off() {
    use NotASecret::{Der, JavaKeyStore, Pkcs12};
    let encrypted = der(0x30, &[&der(0x30, &RSA)[..], &der(4, &[3; 600])].concat());
    let public = der(0x30, &[&der(0x30, &RSA)[..], &der(3, &[3; 270])].concat());
    let ec = der(0x30, &[&[2, 1, 1][..], &der(4, &[8; 32]), &der(0xa0, &[6, 3, 0x2b, 1, 4])].concat());
    let request = der(0x30, &[&der(0x30, &[2, 1, 0, 0x30, 0])[..], &der(0x30, &RSA), &der(3, &[1; 257])].concat());
    let chain = der(0x30, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2][..], &der(0xa0, &[1; 300])].concat());
    for (what, bytes, verdict) in [
        ("PKCS#12", pfx(), Pkcs12),
        ("PKCS#12 in BER", pfx_of_unknown_length(), Pkcs12),
        ("PKCS#1", rsa_private_key(), Der),
        ("PKCS#8", pkcs8(), Der),
        ("PKCS#8 of Ed25519", pkcs8_of_ed25519(), Der),
        ("encrypted PKCS#8", encrypted, Der),
        ("SEC1", ec, Der),
        ("public key", public, Der),
        ("certificate", certificate(), Der),
        ("signing request", request, Der),
        ("PKCS#7", chain, Der),
        ("JKS", [&[0xfe, 0xed, 0xfe, 0xed][..], &[0; 99]].concat(), JavaKeyStore),
    ] {
        for text in encodings(&bytes) {
            assert_eq!(check(&text), Err(verdict), "{what}: {text:.60}");
        }
        let cut = STANDARD.encode(&bytes[..bytes.len().min(40)]);
        if verdict == Pkcs12 || what == "PKCS#8" {
            assert_eq!(check(&cut), Err(verdict), "{what}, cut off");
        }
    }
}

#[test]
fn what_is_set_in_the_place_of_a_secret_is_named() {
    use NotASecret::*;
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl";
    let json = r#"{"appId": "x", "displayName": "y", "password": "Abc8Q~x", "tenant": "z"}"#;
    let base64_of_json = STANDARD.encode(json);
    for (text, verdict) in [
        ("", Empty),
        (" \n", Empty),
        ("\"\"", Empty),
        // References.
        ("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/clientsecret/)", Reference),
        ("https://v.vault.azure.net/secrets/clientsecret/0123456789abcdef", Reference),
        ("akvs://v/secret/clientsecret", Reference),
        ("op://vault/item/field", Reference),
        ("file:///run/secrets/clientsecret", Reference),
        ("/run/secrets/clientsecret", Reference),
        ("secretref:clientsecret", Reference),
        ("keyvaultref:https://v.vault.azure.net/secrets/x,identityref:system", Reference),
        // Templates.
        ("${CLIENT_SECRET}", Template),
        ("${{ secrets.CLIENT_SECRET }}", Template),
        ("$CLIENT_SECRET", Template),
        ("$(clientSecret)", Template),
        ("{{ clientsecret }}", Template),
        ("{{clientsecret}}", Template),
        ("#{ClientSecret}#", Template),
        ("%CLIENT_SECRET%", Template),
        ("__CLIENT_SECRET__", Template),
        ("$env:CLIENT_SECRET", Template),
        ("\"${CLIENT_SECRET}\"", Template),
        // Placeholders.
        ("YOUR-SECRET", Placeholder),
        ("YOUR_CLIENT_SECRET_VALUE", Placeholder),
        ("yourClientSecret", Placeholder),
        ("<your-client-secret>", Placeholder),
        ("<secret>", Placeholder),
        ("Enter_the_Client_Secret_Here", Placeholder),
        ("[Enter the client secret of your app registration]", Placeholder),
        ("changeme", Placeholder),
        ("change-me", Placeholder),
        ("changeit", Placeholder),
        ("REPLACE_ME", Placeholder),
        ("replace-with-your-secret", Placeholder),
        ("TODO", Placeholder),
        ("...", Placeholder),
        ("xxxxxxxx", Placeholder),
        ("xxxx-xxxx", Placeholder),
        ("----", Placeholder),
        ("clientsecret", Placeholder),
        ("null", Placeholder),
        ("None", Placeholder),
        ("undefined", Placeholder),
        ("System.Security.SecureString", Placeholder),
        ("[object Object]", Placeholder),
        ("Abc******************************", Masked),
        ("***", Placeholder),
        ("Abc\u{2022}\u{2022}\u{2022}\u{2022}", Masked),
        // Whole answers and lines.
        (r#"{"value": "Abc8Q~x", "id": "https://v.vault.azure.net/secrets/clientsecret/1"}"#, Json(JsonMember::Value)),
        ("{\n  \"value\": \"Abc8Q~x\"\n}\n", Json(JsonMember::Value)),
        (r#"{\"value\":\"Abc8Q~x\"}"#, Json(JsonMember::Value)),
        (json, Json(JsonMember::Password)),
        (&base64_of_json, Json(JsonMember::Password)),
        (r#"{"clientId":"x","clientSecret":"Abc8Q~x"}"#, Json(JsonMember::ClientSecret)),
        (r#"{"keyId":"x","secretText":"Abc8Q~x"}"#, Json(JsonMember::SecretText)),
        (r#"[{"a": 1}]"#, Json(JsonMember::Unknown)),
        (r#"["Abc8Q~x"]"#, Json(JsonMember::Unknown)),
        (r#"{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}"#, Jwk),
        ("CLIENT_SECRET=Abc8Q~x", Assignment),
        ("SPIN_VARIABLE_CLIENTSECRET='Abc8Q~x'", Assignment),
        ("export AZURE_CLIENT_SECRET=\"Abc8Q~x\"", Assignment),
        ("clientsecret: Abc8Q~x", Assignment),
        ("clientsecret = \"Abc8Q~x\"", Assignment),
        ("--client-secret=Abc8Q~x", Assignment),
        // Other things.
        ("8f4d1f0e-5a0c-4c0e-9d5d-3a1b2c3d4e5f", SecretId),
        ("8F4D1F0E-5A0C-4C0E-9D5D-3A1B2C3D4E5F\n", SecretId),
        ("{8f4d1f0e-5a0c-4c0e-9d5d-3a1b2c3d4e5f}", SecretId),
        (jwt, Jwt),
        (&format!("Bearer {jwt}"), Jwt),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB user@host", SshKey),
        ("MIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----", DamagedPem),
        ("----BEGIN CERTIFICATE----\nMIIC", DamagedPem),
        ("-----BEG Abc8Q~x", DamagedPem),
        ("\u{2014}BEGIN PRIVATE KEY\u{2014}", DamagedPem),
        // Characters.
        ("\"Abc8Q~x\"", Quoted),
        ("'Abc8Q~x'", Quoted),
        ("`Abc8Q~x`\n", Quoted),
        ("\u{201c}Abc8Q~x\u{201d}", Quoted),
        ("Abc8Q~x\n", Whitespace),
        ("Abc8Q~x\r\n", Whitespace),
        (" Abc8Q~x", Whitespace),
        ("Abc8Q~\nx", Whitespace),
        ("\u{feff}Abc8Q~x", Unprintable),
        ("Abc8Q~x\u{200b}", Unprintable),
        ("Abc8Q\u{a0}~x", Unprintable),
        ("Abc8Q~\u{fc}", Unprintable),
        ("Abc8Q~x\u{7f}", Unprintable),
        ("0\u{fffd}\u{fffd}\u{1}", Unprintable),
        ("A\0b\0c\08\0Q\0~\0", NullCharacters),
        (&"Abc8Q~x1".repeat(33), TooLong),
    ] {
        assert_eq!(check(text), Err(verdict), "{text:?}");
    }
}

#[test]
fn secrets_that_entra_may_hold_pass() {
    for text in [
        "Abc8Q~0.kT-_mN5vBx1yZ2wE3rT4uI6oP7aS8dF9",
        "-a+b/c=&%20?:;~.{x}'\"=",
        "[{x}]",
        "{x}",
        "\"ab'",
        "a\"b\"c",
        "pass phrase of several words",
        "client-secret-value",
        "s3cr3t:with=colons",
        "0123456789abcdef0123456789abcdef01234567",
        "MIIEvQIBAD",
        "eyJ.notatoken~",
        "$uperSecret",
        "100%",
        "x=y",
        &"k".repeat(255).replacen('k', "j", 1),
        &STANDARD.encode("a chosen text of thirty-two bytes"),
        &STANDARD.encode([0x30; 32]),
        &STANDARD.encode([&[0x30, 30, 2, 1, 3, 0x30][..], &[7; 26]].concat()),
    ] {
        assert_eq!(check(text), Ok(()), "{text:?}");
    }
}

/// Numbers that look random, the same in each run.
fn numbers() -> impl Iterator<Item = u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state)
    })
}

#[test]
fn no_random_secret_is_taken_for_anything_else() {
    const OF_ENTRA: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    const OF_OLD_PORTAL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789[]{}:;/?@+*=-_.";
    let mut numbers = numbers();
    let mut bytes =
        |count: usize| -> Vec<u8> { numbers.by_ref().take(count).map(|number| number.to_be_bytes()[0]).collect() };
    for _ in 0..5_000 {
        let mut from = |alphabet: &[u8], count| -> String {
            bytes(count).iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
        };
        let (new, old) = (from(OF_ENTRA, 40), from(OF_OLD_PORTAL, 32));
        let random = bytes(32);
        // The beginning that DER has too, and nothing of DER after it.
        let alike = [&[0x30, 30][..], &random[2..]].concat();
        for text in [new, old, STANDARD.encode(&random), URL_SAFE_NO_PAD.encode(&random), STANDARD.encode(alike)] {
            assert_eq!(check(&text), Ok(()), "{text}");
        }
    }
}

#[test]
fn pem_is_found_however_it_was_carried() {
    let tidy = "-----BEGIN PRIVATE KEY-----\nQUJD\nREVG\n-----END PRIVATE KEY-----";
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    for text in [
        tidy.to_owned(),
        format!("{tidy}\n"),
        format!("\u{feff}{tidy}"),
        format!("\"{}\"", tidy.replace('\n', "\\n")),
        tidy.replace('\n', "\r\n"),
        tidy.replace('\n', "\n\n"),
        tidy.replace('\n', "\n    "),
        tidy.replace("BEGIN PRIVATE KEY", "BEGIN\u{a0}PRIVATE\u{a0}KEY"),
        tidy.replace("QUJD", "QU\u{200b}JD"),
        tidy.chars().flat_map(|character| [character, '\0']).collect(),
        STANDARD.encode(tidy),
        STANDARD.encode(STANDARD.encode(tidy)),
        STANDARD.encode(utf16(tidy)),
        STANDARD.encode([&[0xff, 0xfe][..], &utf16(tidy)].concat()),
    ] {
        let found = pem(&text).unwrap_or_else(|| panic!("{text:?}"));
        assert!(found.contains(tidy), "{text:?}: {found}");
        assert_eq!(check(&text), Err(NotASecret::Pem), "{text:?}");
    }
    let with_words = format!("Bag Attributes\n    friendlyName: x\nKey Attributes: <No Attributes>\n{tidy}\nthe end");
    assert!(pem(&with_words).is_some_and(|found| found.contains(tidy)));
    assert!(pem(&tidy.replace('\n', " ")).is_some());
    assert_eq!(pem("Abc8Q~x"), None);
}
