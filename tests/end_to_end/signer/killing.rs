//! SIGKILL under load: signatures that were released before count afterwards.

use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::payload;
use crate::support::process::Signer;
use azurehsm_signer::tezos::payload::Kind;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const KILLS: usize = 12;
const BAKERS: u8 = 6;
const LEVELS_BEFORE_A_KILL: usize = 40;

/// A released signature: kind, level, variant, signature.
type Released = Arc<Mutex<Vec<(Kind, u32, u8, String)>>>;

/// Bakers who request different payloads at every level, until the signer is killed.
fn bake(signer: &Signer, key: &str, level: &Arc<AtomicU32>, released: &Released) -> Vec<thread::JoinHandle<()>> {
    let over = Arc::new(AtomicBool::new(false));
    (0..BAKERS)
        .map(|variant| {
            let (address, key) = (signer.address, key.to_owned());
            let (level, released, over) = (Arc::clone(level), Arc::clone(released), Arc::clone(&over));
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let at = level.fetch_add(u32::from(variant == 0), Ordering::Relaxed);
                    for kind in Kind::ALL {
                        match http::sign(address, &key, &payload(kind, at, 0, variant)) {
                            Ok(answer) if answer.status == 200 => {
                                released.lock().unwrap().push((kind, at, variant, answer.signature()));
                            }
                            Ok(answer) => assert_eq!(answer.status, 409, "{answer:?}"),
                            Err(_) => over.store(true, Ordering::Relaxed),
                        }
                    }
                }
            })
        })
        .collect()
}

#[test]
fn invariants_1_3_and_4_survive_being_killed_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let released = Released::default();
    let level = Arc::new(AtomicU32::new(1));
    for _ in 0..KILLS {
        let signer = Signer::start(folder.path(), &[]);
        let key = signer.only_key();
        let before = released.lock().unwrap().len();
        let bakers = bake(&signer, &key, &level, &released);
        eventually("enough signatures", || {
            (released.lock().unwrap().len() >= before + LEVELS_BEFORE_A_KILL).then_some(())
        });
        signer.kill();
        for baker in bakers {
            baker.join().unwrap();
        }
    }

    let mut slots: HashMap<(Kind, u32), (u8, Vec<String>)> = HashMap::new();
    for (kind, level, variant, signature) in released.lock().unwrap().iter() {
        let (first, signatures) = slots.entry((*kind, *level)).or_insert((*variant, Vec::new()));
        assert_eq!(first, variant, "two payloads were released for the {kind} at level {level}");
        signatures.push(signature.clone());
    }
    assert!(slots.len() >= KILLS * LEVELS_BEFORE_A_KILL / usize::from(BAKERS));

    // Afterwards, the last of each kind is signed again, a block with the same signature; other data is refused.
    let signer = Signer::start(folder.path(), &[]);
    let key = signer.only_key();
    for kind in Kind::ALL {
        let (&(_, level), (variant, signatures)) =
            slots.iter().filter(|((of, _), _)| *of == kind).max_by_key(|((_, level), _)| *level).unwrap();
        let other = http::sign(signer.address, &key, &payload(kind, level, 0, variant + 1)).unwrap();
        assert_eq!(other.status, 409, "{kind} at level {level}");
        let again = http::sign(signer.address, &key, &payload(kind, level, 0, *variant)).unwrap();
        // A mark may be higher than any released signature: its writer was killed before it answered.
        if again.status == 409 {
            assert!(again.error().contains("below the high watermark"), "{kind} at level {level}: {again:?}");
        } else if kind == Kind::Block {
            assert!(signatures.iter().all(|signature| *signature == again.signature()));
        } else {
            again.signature();
        }
    }
}
