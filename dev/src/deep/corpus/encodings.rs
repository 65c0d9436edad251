//! Tokens in forms that lenient parsers would accept: base64, JSON, parts, sizes.

use serde_json::{Value, json};

use super::case::{Cases, Expected, Parts, encoded};

pub(super) fn add(cases: &mut Cases<'_>) {
    let parts = cases.parts(2);
    base64(cases, &parts);
    part_counts(cases);
    json_texts(cases, &parts);
    sizes(cases, &parts);
}

fn base64(cases: &mut Cases<'_>, parts: &Parts) {
    cases.kind("base64", Expected::INVALID_TOKEN);
    let right = [encoded(parts.header_text().as_bytes()), encoded(parts.claims_text().as_bytes())];
    for (place, name) in ["header", "claims", "signature"].into_iter().enumerate() {
        for (form, change) in FORMS {
            // Trailing spaces are not part of a header's value (RFC 9110 section 5.5).
            if (name, form) == ("signature", "a blank at the end") {
                continue;
            }
            let token = match right.get(place) {
                // The signature is over what is sent, so that only the form is wrong.
                Some(part) => {
                    let mut message = right.clone();
                    if let Some(part_of_message) = message.get_mut(place) {
                        *part_of_message = change(part);
                    }
                    cases.sign(&message.join("."))
                }
                None => {
                    let signed = cases.sign(&right.join("."));
                    let (message, signature) = signed.rsplit_once('.').unwrap_or_default();
                    format!("{message}.{}", change(signature))
                }
            };
            cases.token(format!("{name}: {form}"), &token);
        }
    }
}

type Form = fn(&str) -> String;

/// Each returns a text that is not base64url without padding, or has another number of bytes.
const FORMS: [(&str, Form); 12] = [
    ("padded with =", |part| format!("{part}=")),
    ("padded with ==", |part| format!("{part}==")),
    ("a stray bit at the end", stray_bit),
    ("+ and / of plain base64", |part| format!("{}+/", part.replace('-', "+").replace('_', "/"))),
    ("a blank at the end", |part| format!("{part} ")),
    ("a blank within", |part| within(part, " ")),
    ("a tab within", |part| within(part, "\t")),
    ("a tilde within", |part| within(part, "~")),
    ("a percent escape", |part| within(part, "%2e")),
    ("a letter that is not ASCII", |part| within(part, "é")),
    ("in quotes", |part| format!("\"{part}\"")),
    ("one letter more", |part| if part.len() % 4 == 0 { format!("{part}A") } else { format!("{part}AAAAA") }),
];

fn within(part: &str, what: &str) -> String {
    let (first, second) = part.split_at_checked(part.len() / 2).unwrap_or_default();
    format!("{first}{what}{second}")
}

/// Another last letter for the same bytes (RFC 4648 section 3.5), or an extra letter if there is no rest.
fn stray_bit(part: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = part.chars().last().and_then(|last| ALPHABET.chars().skip_while(|letter| *letter != last).nth(1));
    match (part.len() % 4, next) {
        (2 | 3, Some(next)) => format!("{}{next}", part.get(..part.len() - 1).unwrap_or_default()),
        _ => format!("{part}A"),
    }
}

fn part_counts(cases: &mut Cases<'_>) {
    cases.kind("parts", Expected::INVALID_TOKEN);
    let right = cases.right_token();
    let pieces: Vec<&str> = right.split('.').collect();
    let [header, claims, signature] = pieces.as_slice() else { return };
    for (name, token) in [
        ("the header alone", (*header).to_owned()),
        ("header and claims", format!("{header}.{claims}")),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("nothing but dots", "..".to_owned()),
        ("a dot before", format!(".{right}")),
        ("a dot behind", format!("{right}.")),
        ("four parts", format!("{right}.{signature}")),
        ("five parts, as JWE has", format!("{header}.{claims}.{signature}.{claims}.{signature}")),
        ("six parts", format!("{right}.{right}")),
        ("a thousand dots", ".".repeat(1000)),
        ("sixteen thousand dots", ".".repeat(16_000)),
        ("two tokens with a comma", format!("{right},{right}")),
        ("two tokens with a blank", format!("{right} {right}")),
        ("a semicolon behind", format!("{right};")),
        ("in quotes", format!("\"{right}\"")),
        ("in angle brackets", format!("<{right}>")),
        ("the scheme twice", format!("Bearer {right}")),
        ("JSON serialization", json!({"protected": header, "payload": claims, "signature": signature}).to_string()),
    ] {
        cases.token(name, &token);
    }
}

fn json_texts(cases: &mut Cases<'_>, parts: &Parts) {
    cases.kind("JSON", Expected::INVALID_TOKEN);
    for (form, change) in JSON_FORMS {
        let header = change(&parts.header_text());
        cases.signed(format!("header: {form}"), &header, parts.claims_text().as_bytes());
        let claims = change(&parts.claims_text());
        cases.signed(format!("claims: {form}"), parts.header_text().as_bytes(), &claims);
    }
}

type JsonForm = fn(&str) -> Vec<u8>;

const JSON_FORMS: [(&str, JsonForm); 33] = [
    ("a byte order mark", |text| [b"\xef\xbb\xbf", text.as_bytes()].concat()),
    ("UTF-16, little endian", |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ("UTF-16, big endian", |text| text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ("a byte that is not UTF-8", |text| member(text, b"\"x\":\"\xff\"")),
    ("a letter in Latin-1", |text| member(text, b"\"x\":\"\xe9\"")),
    ("an overlong letter", |text| member(text, b"\"x\":\"\xc0\xaf\"")),
    ("a surrogate as UTF-8", |text| member(text, b"\"x\":\"\xed\xa0\x80\"")),
    ("a lone surrogate", |text| member(text, br#""x":"\ud800""#)),
    ("an unknown escape", |text| member(text, br#""x":"\x41""#)),
    ("a bare control character", |text| member(text, b"\"x\":\"\x01\"")),
    ("a bare line break", |text| member(text, b"\"x\":\"\n\"")),
    ("a NUL behind", |text| [text.as_bytes(), b"\0"].concat()),
    ("a letter behind", |text| format!("{text}x").into_bytes()),
    ("an object behind", |text| format!("{text}{{}}").into_bytes()),
    ("a list around", |text| format!("[{text}]").into_bytes()),
    ("as a string", |text| Value::from(text).to_string().into_bytes()),
    ("as base64 once more", |text| encoded(text.as_bytes()).into_bytes()),
    ("cut short", |text| text.get(..text.len() - 1).unwrap_or_default().as_bytes().to_vec()),
    ("nothing", |_| Vec::new()),
    ("null", |_| b"null".to_vec()),
    ("true", |_| b"true".to_vec()),
    ("a number", |_| b"1".to_vec()),
    ("an empty list", |_| b"[]".to_vec()),
    ("an empty object", |_| b"{}".to_vec()),
    ("single quotes", |text| text.replace('"', "'").into_bytes()),
    ("a comma at the end", |text| member(text, b"\"x\":1,")),
    ("a comment", |text| member(text, b"\"x\":1/* */")),
    ("NaN", |text| member(text, b"\"x\":NaN")),
    ("a number with a plus", |text| member(text, b"\"x\":+1")),
    ("a number with a leading zero", |text| member(text, b"\"x\":01")),
    ("a name that is no string", |text| member(text, b"x:1")),
    ("300 lists within each other", |text| nested(text, 300)),
    ("3,000 lists within each other", |text| nested(text, 3000)),
];

/// The object with one more member, inserted unchanged.
fn member(text: &str, more: &[u8]) -> Vec<u8> {
    [text.trim_end_matches('}').as_bytes(), b",", more, b"}"].concat()
}

fn nested(text: &str, depth: usize) -> Vec<u8> {
    member(text, format!("\"x\":{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes())
}

/// The longest token is 16 KiB.
fn sizes(cases: &mut Cases<'_>, parts: &Parts) {
    cases.kind("sizes", Expected::INVALID_TOKEN);
    for bytes in [16_400, 17_000, 20_000, 24_576, 32_768, 40_000, 50_000, 65_536, 100_000] {
        let mut claims = parts.claims.clone();
        let padding = bytes * 3 / 4;
        claims.insert("groups".into(), json!("g".repeat(padding)));
        cases.signed(
            format!("a right token with {bytes} bytes of groups"),
            parts.header_text().as_bytes(),
            Value::Object(claims).to_string().as_bytes(),
        );
        cases.token(format!("{bytes} letters"), &"A".repeat(bytes));
        cases.token(format!("{bytes} letters in three parts"), &format!("{}.A.A", "A".repeat(bytes)));
    }
    for bytes in [1, 2, 3, 4, 16, 100, 1000, 16_384] {
        cases.token(format!("{bytes} letters"), &"A".repeat(bytes));
    }
    for count in [1, 2, 100] {
        cases.token(format!("{count} equals signs"), &"=".repeat(count));
    }
}
