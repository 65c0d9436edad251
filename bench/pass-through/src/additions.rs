//! What no component that checks a token can omit: verifying one signature, logging one line, and, if it does not live
//! long enough to remember its callers, reading one entry of the store. Only their cost counts: the key is made up and
//! the entry is zeros, because a wrong signature takes as long as a right one.

use std::{cell::RefCell, rc::Rc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa_signature::RsaPublicKey;
use spin_sdk::key_value::Store;

/// About as many bytes as a stored Graph token has.
const ENTRY: [u8; 2048] = [0; 2048];
const ENTRY_KEY: &str = "entry";

/// Does what `adds` names, `verification` and `store`, and returns the line to log afterwards, as long as one of
/// `profile-get`; none if nothing is verified.
pub(crate) async fn line(adds: &str, authorization: &[u8]) -> Option<String> {
    let has = |name| adds.split(' ').any(|word| word == name);
    if !has("verification") {
        return None;
    }
    let accepted = is_signed(authorization).unwrap_or_default();
    let entry_bytes = if has("store") { entry_bytes().await } else { None }.unwrap_or_default();
    Some(format!("{{\"accepted\":{accepted},\"entry_bytes\":{entry_bytes},\"padding\":\"{:0<440}\"}}\n", ""))
}

fn is_signed(authorization: &[u8]) -> Option<bool> {
    thread_local! {
        static KEY: Option<RsaPublicKey> = RsaPublicKey::new(&[0xff; 256], &[1, 0, 1]).ok();
    }
    let token = authorization.strip_prefix(b"Bearer ")?;
    let (signed, signature) = token.split_at(token.iter().rposition(|byte| *byte == b'.')?);
    let signature = URL_SAFE_NO_PAD.decode(signature.get(1..)?).ok()?;
    KEY.with(|key| Some(key.as_ref()?.verify_sha256(signed, &signature)))
}

async fn entry_bytes() -> Option<usize> {
    thread_local! {
        static STORE: RefCell<Option<Rc<Store>>> = const { RefCell::new(None) };
    }
    let store = match STORE.with_borrow(Option::clone) {
        Some(store) => store,
        None => {
            let store = Rc::new(Store::open_default().await.ok()?);
            STORE.set(Some(Rc::clone(&store)));
            store
        }
    };
    if let Some(entry) = store.get(ENTRY_KEY).await.ok()? {
        return Some(entry.len());
    }
    store.set(ENTRY_KEY, &ENTRY).await.ok()?;
    None
}
