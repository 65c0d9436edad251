//! A sign-in is used once, however often its cookie is sent, and whichever instance serves it.

use std::time::Duration;

use bytes::Bytes;
use entra_obo::{host::SendFault, settings::source::Settings};
use futures::{executor::block_on, future::join};
use http::{Method, Response};
use profile_app::{settings::AppSettings, sign_in::used_sign_ins::UsedSignIns};

use crate::scripted_host::{SESSION_SECRET, World};

/// An invented code for a pending sign-in.
fn callback(state: &str, code: usize) -> String {
    format!("/signin-callback?code=invented-{code}&state={state}")
}

#[test]
fn a_copied_cookie_is_useless() {
    for (starts_instances, answers) in [(false, true), (true, true), (true, false)] {
        let world = World::new();
        let asked = world.leave_for_entra("/sign-in");
        if !answers {
            world.next("token", [Err(SendFault::TimedOut)]);
        }
        let cookies = world.cookies();
        for attempt in 0..20 {
            if starts_instances {
                world.start_instance();
            }
            world.put_back(&cookies);
            let answered = world.get(&callback(&asked["state"], attempt));
            match (attempt, answers) {
                (0, true) => assert_eq!(answered.status, 303),
                (0, false) => drop(answered.is(504, "entra_unreachable")),
                _ => drop(answered.is(400, "no_pending_sign_in")),
            }
        }
        assert_eq!(world.calls("token"), 1);
    }
}

#[test]
fn a_refusal_uses_up_a_sign_in_too() {
    let world = World::new();
    let asked = world.leave_for_entra("/sign-in");
    let cookies = world.cookies();
    world.get(&format!("/signin-callback?error=access_denied&state={}", asked["state"])).is(400, "sign_in_cancelled");
    assert!(world.cookie_names().is_empty());
    world.put_back(&cookies);
    world.start_instance().get(&callback(&asked["state"], 0)).is(400, "no_pending_sign_in");
    assert_eq!(world.calls("token"), 0);
}

#[test]
fn of_simultaneous_callbacks_at_most_one_succeeds() {
    // Each takes four operations of the store; `order` says who continues next.
    let mut won = [0; 3];
    for order in 0_u32..1 << 10 {
        let world = World::new();
        let asked = world.leave_for_entra("/sign-in");
        let target = callback(&asked["state"], 0);
        let at_an_instance_of_its_own = async || {
            world.start_instance();
            world.answer(Method::GET, &target, &[]).await
        };
        let first = in_turn(at_an_instance_of_its_own(), |step| order >> step & 1 == 0);
        let second = in_turn(at_an_instance_of_its_own(), |step| order >> step & 1 == 1);
        let (first, second) = block_on(join(first, second));
        let redirected = [first, second].iter().filter(|answer: &&Response<Bytes>| answer.status() == 303).count();
        assert_eq!(world.calls("token"), redirected);
        won[redirected] += 1;
    }
    assert!(won[1] > won[0] && won[2] == 0, "{won:?}");
}

/// Lets `work` continue at the steps that `is_due` names, and at all steps after the tenth.
async fn in_turn<T>(work: impl Future<Output = T>, is_due: impl Fn(u32) -> bool) -> T {
    let mut work = std::pin::pin!(work);
    let mut step = 0;
    futures::future::poll_fn(|context| {
        step += 1;
        if step <= 10 && !is_due(step - 1) {
            context.waker().wake_by_ref();
            return std::task::Poll::Pending;
        }
        work.as_mut().poll(context)
    })
    .await
}

#[test]
fn a_failing_store_keeps_nobody_out() {
    let world = World::new();
    world.store_fails.set(true);
    let asked = world.leave_for_entra("/sign-in");
    let cookies = world.cookies();
    assert_eq!(world.come_back(&asked).status, 303);
    let line =
        world.log.borrow().iter().find(|line| line.contains("a used sign-in could not be recorded")).cloned().unwrap();
    assert!(line.contains("the store is down"), "{line}");
    // Then each instance decides alone.
    world.put_back(&cookies);
    world.come_back(&asked).is(400, "no_pending_sign_in");
    world.start_instance().put_back(&cookies);
    assert_eq!(world.come_back(&asked).status, 303);
    assert_eq!(world.calls("token"), 2);
}

#[test]
fn the_store_stays_small_and_reveals_nothing() {
    let world = World::new();
    let host = world.host();
    let settings = block_on(AppSettings::load(&host, Duration::ZERO, Duration::from_secs(8))).unwrap();
    let used_sign_ins = UsedSignIns::default();
    for number in 0..3000 {
        assert!(block_on(used_sign_ins.is_first_use(&host, &settings, &number.to_string())));
    }
    let (entries, largest) = world.store_size();
    assert!((1024..=2048).contains(&entries) && largest <= 8 * 24, "{entries} entries of up to {largest} bytes");
    let asked = world.leave_for_entra("/sign-in");
    world.come_back(&asked);
    world.change_store(|entry| {
        for secret in [asked["state"].as_bytes(), asked["nonce"].as_bytes(), SESSION_SECRET.as_bytes(), b"the-code"] {
            assert!(!entry.windows(secret.len()).any(|window| window == secret));
        }
    });
}

#[test]
fn foreign_entries_in_the_store_keep_nobody_out() {
    for bytes in [&b""[..], b"short", &[0; 24], &[0xff; 100_000]] {
        let world = World::new();
        for _ in 0..20 {
            world.sign_in();
            world.change_store(|entry| bytes.clone_into(entry));
        }
    }
}
