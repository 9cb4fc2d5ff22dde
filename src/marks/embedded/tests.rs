//! The embedded store on failing disks, and with damaged files.

use super::failing_disk::FailingDisk;
use super::renewal::UNFINISHED;
use super::*;
use crate::marks::AttemptId;
use crate::tezos::Digest;
use crate::tezos::payload::Position;
use redb::{Database, TableDefinition};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::TempDir;

fn id() -> MarkId {
    "NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:block".parse().unwrap()
}

fn mark(level: i32) -> Mark {
    let position = Position { level: level.try_into().unwrap(), round: 0.try_into().unwrap() };
    let digest = Some(Digest::of(&level.to_be_bytes()));
    Mark::new(position, digest, None, AttemptId::random().unwrap(), None)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

async fn level(store: &EmbeddedMarkStore) -> Result<Option<i32>, StoreError> {
    let stored = store.read(&id(), soon()).await?;
    Ok(stored.map(|stored| i32::try_from(stored.mark.position.level.get()).unwrap()))
}

async fn raise(store: &EmbeddedMarkStore, to: i32) -> Result<Version, WriteError> {
    let stored = store.read(&id(), soon()).await.map_err(WriteError::NotWritten)?;
    store.write(&id(), &mark(to), stored.map(|stored| stored.version).as_ref(), soon()).await
}

/// A folder with a store that acknowledged a mark at each of these levels.
async fn folder_with(levels: impl IntoIterator<Item = i32>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marks.redb");
    let store = EmbeddedMarkStore::open(&path, StoreRole::Signing).unwrap();
    for level in levels {
        raise(&store, level).await.unwrap();
    }
    drop(store);
    wait_until_closed(&path);
    (folder, path)
}

/// Waits until the thread of the earlier store has released the file.
fn wait_until_closed(path: &Path) {
    while matches!(EmbeddedMarkStore::open_to_read(path), Err(OpenError::InUse { .. })) {
        thread::yield_now();
    }
}

fn open(path: &Path, disk: impl Disk + 'static) -> EmbeddedMarkStore {
    wait_until_closed(path);
    EmbeddedMarkStore::open_or_create(path, Purpose::Sign, StoreRole::Signing, Box::new(disk)).unwrap()
}

#[tokio::test]
async fn an_interrupted_copy_loses_no_marks() {
    for power_fails in [false, true] {
        let mut step = 0;
        loop {
            let (folder, path) = folder_with([4, 5]).await;
            // Left behind by an earlier attempt.
            fs::write(path.with_extension(UNFINISHED), "half of a file").unwrap();
            let identity = EmbeddedMarkStore::open_to_read(&path).unwrap().unwrap().identity();
            let disk = FailingDisk::holding(&path);
            disk.die_at(step);
            let store = open(&path, disk.clone());
            let was_dead = disk.is_dead();
            if was_dead {
                assert!(!store.is_ready() && store.identity().is_none());
                level(&store).await.unwrap_err();
            } else {
                disk.die_at(usize::MAX);
                assert_eq!(level(&store).await.unwrap(), Some(5));
                raise(&store, 6).await.unwrap();
            }
            drop(store);
            wait_until_closed(&path);
            if power_fails {
                disk.lose_power(folder.path());
            }
            let store = open(&path, SystemDisk);
            let expected = if was_dead { 5 } else { 6 };
            assert_eq!(level(&store).await.unwrap(), Some(expected), "at step {step}, power fails: {power_fails}");
            assert!(!store.is_recreated().await.unwrap());
            assert!(identity.is_some() && store.identity() == identity, "at step {step}: {identity:?}");
            assert!(!path.with_extension(UNFINISHED).exists());
            if !was_dead {
                break;
            }
            step += 1;
        }
        assert!(step > 5, "the copying has {step} steps");
    }
}

/// Each of the flushes of a write fails, and then possibly later ones.
#[tokio::test]
async fn answers_after_a_failed_flush_are_on_the_disk() {
    for (until_failure, after_failure) in [(0, 0), (1, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)] {
        let (folder, path) = folder_with([4, 5]).await;
        let disk = FailingDisk::holding(&path);
        let store = open(&path, disk.clone());
        disk.fail_flushes_after(Some(until_failure));
        assert!(matches!(raise(&store, 6).await, Err(WriteError::Unknown(_))), "{until_failure}");
        assert!(!store.is_ready());
        level(&store).await.unwrap_err();
        assert!(matches!(store.write(&id(), &mark(7), None, soon()).await, Err(WriteError::NotWritten(_))));
        // The disk works for a while, fails once more, and works again.
        disk.fail_flushes_after(Some(after_failure));
        while !disk.has_failed() && !store.is_ready() {
            tokio::task::yield_now().await;
        }
        disk.fail_flushes_after(None);
        let answer = loop {
            match level(&store).await {
                Ok(answer) => break answer,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert!(store.is_ready());
        assert!(matches!(answer, Some(5 | 6)), "{answer:?}");
        drop(store);
        wait_until_closed(&path);
        disk.lose_power(folder.path());
        assert_eq!(level(&open(&path, SystemDisk)).await.unwrap(), answer, "{until_failure}, {after_failure}");
    }
}

/// Even if the lock file was removed, at any step.
#[tokio::test]
async fn no_other_process_opens_the_store_while_it_is_copied() {
    let (_folder, path) = folder_with([5]).await;
    let disk = FailingDisk::holding(&path);
    let tries = Arc::new(AtomicBool::new(false));
    disk.before_each_step({
        let (path, tries) = (path.clone(), Arc::clone(&tries));
        Box::new(move |step| {
            fs::remove_file(lock_of(&path)).unwrap();
            for opened in [
                EmbeddedMarkStore::open(&path, StoreRole::Signing).map(drop),
                EmbeddedMarkStore::open_to_raise(&path, StoreRole::Signing).map(drop),
                EmbeddedMarkStore::open_to_read(&path).map(drop),
            ] {
                assert!(matches!(opened, Err(OpenError::InUse { .. })), "at step {step}: {opened:?}");
            }
            tries.store(true, Ordering::Relaxed);
        })
    });
    let store = open(&path, disk);
    raise(&store, 6).await.unwrap();
    assert!(tries.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_moved_file_accepts_no_more_marks() {
    let (folder, path) = folder_with([5]).await;
    let store = open(&path, SystemDisk);
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    assert!(level(&store).await.unwrap_err().to_string().contains("moved or deleted"));
    fs::copy(folder.path().join("elsewhere"), &path).unwrap();
    level(&store).await.expect_err("another file is not the one that was opened");
}

#[tokio::test]
async fn the_file_permissions_are_kept() {
    let (_folder, path) = folder_with([5]).await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    drop(open(&path, SystemDisk));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

/// With any bit flipped, the file is reported as damaged, or nothing is lost.
#[tokio::test]
async fn no_flipped_bit_lowers_a_mark_or_changes_the_identity() {
    let (_folder, path) = folder_with(1..=5).await;
    let clean = fs::read(&path).unwrap();
    // As left behind by a killed process: the last commit is one of marks.
    let store = open(&path, SystemDisk);
    raise(&store, 6).await.unwrap();
    let killed = fs::read(&path).unwrap();
    drop(store);
    for (bytes, highest) in [(clean, 5), (killed, 6)] {
        let facts_in = |bytes: &[u8]| {
            let contents = Contents::of(bytes, &path)?;
            let level = contents
                .marks
                .get(&id().to_string())
                .and_then(|mark| file::order_of(mark))
                .map(|(position, _)| position);
            Ok::<_, OpenError>((level, contents.meta.get(file::ID).cloned()))
        };
        let expected = facts_in(&bytes).unwrap();
        assert!(expected.0 == Some(mark(highest).position) && expected.1.is_some());
        let pages = bytes.chunks(64).enumerate().filter(|(_, chunk)| chunk.iter().any(|byte| *byte != 0));
        let (mut damaged, mut fine) = (0, 0);
        for at in pages
            .flat_map(|(chunk, bytes)| (chunk * 64..chunk * 64 + bytes.len()).filter(|at| *at < 320 || at % 7 == 0))
        {
            for bit in if at < 320 { 0..8 } else { at % 8..at % 8 + 1 } {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                match facts_in(&flipped) {
                    Ok(found) => {
                        fine += 1;
                        assert_eq!(found, expected, "bit {bit} of byte {at}");
                    }
                    Err(error) => {
                        damaged += 1;
                        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
                    }
                }
            }
        }
        assert!(damaged > 0 && fine > 0, "{damaged} {fine}");
    }
}

/// A process that was killed during creation leaves the unfinished file behind, with any contents.
#[tokio::test]
async fn a_lost_store_is_noticed_even_if_its_recreation_was_interrupted() {
    for left_behind in [None, Some(&b""[..]), Some(b"half of a file")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.redb");
        fs::write(lock_of(&path), WAS_CREATED).unwrap();
        if let Some(contents) = left_behind {
            fs::write(path.with_extension(UNFINISHED), contents).unwrap();
        }
        assert!(matches!(EmbeddedMarkStore::open(&path, StoreRole::Signing), Err(OpenError::Lost { .. })));
        assert!(matches!(EmbeddedMarkStore::open_to_read(&path), Err(OpenError::Lost { .. })));
        let store = EmbeddedMarkStore::open_to_raise(&path, StoreRole::Signing).unwrap();
        assert!(store.is_recreated().await.unwrap() && store.may_have_lost(&id()).await.unwrap());
        drop(store);
        let store = open(&path, SystemDisk);
        assert!(store.is_recreated().await.unwrap(), "its copy keeps that");
    }
}

/// An operator copied a damaged store without its lock file, and moved it aside as the message says.
#[tokio::test]
async fn a_store_that_was_moved_aside_counts_as_lost() {
    let (folder, path) = folder_with([5]).await;
    fs::remove_file(lock_of(&path)).unwrap();
    fs::rename(&path, folder.path().join("marks.redb.damaged-2")).unwrap();
    assert!(matches!(EmbeddedMarkStore::open(&path, StoreRole::Signing), Err(OpenError::Lost { .. })));
    assert!(matches!(EmbeddedMarkStore::open_to_read(&path), Err(OpenError::Lost { .. })));
    assert!(EmbeddedMarkStore::open_to_raise(&path, StoreRole::Signing).unwrap().is_recreated().await.unwrap());
}

fn with_table(path: &Path, name: &str) {
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<&str, &[u8]>::new(name)).unwrap();
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_store_of_an_earlier_version_does_not_count_as_lost_and_gets_an_identity() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marks.redb");
    with_table(&path, "marks");
    fs::write(lock_of(&path), WAS_CREATED).unwrap();
    let store = EmbeddedMarkStore::open_to_raise(&path, StoreRole::Signing).unwrap();
    assert!(!store.is_recreated().await.unwrap() && !store.may_have_lost(&id()).await.unwrap());
    store.declare_new(id().chain, id().key).await.unwrap();

    let identity = store.identity();
    drop(store);
    let store = open(&path, SystemDisk);
    assert!(identity.is_some() && store.identity() == identity, "{identity:?}");
    let (_other_folder, other) = folder_with([]).await;
    assert_ne!(open(&other, SystemDisk).identity(), identity);
}

#[tokio::test]
async fn a_store_keeps_its_role() {
    for (role, other) in [(StoreRole::Signing, StoreRole::Observing), (StoreRole::Observing, StoreRole::Signing)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.redb");
        for number in 1..=3 {
            let store = EmbeddedMarkStore::open(&path, role).unwrap();
            raise(&store, number).await.unwrap();
            drop(store);
            wait_until_closed(&path);
            for open in [EmbeddedMarkStore::open, EmbeddedMarkStore::open_to_raise] {
                let error = open(&path, other).err().unwrap();
                assert!(matches!(error, OpenError::OtherRole { found, .. } if found == role), "{error}");
            }
        }
        let copy = EmbeddedMarkStore::open_to_read(&path).unwrap().unwrap();
        assert_eq!((copy.role(), level(&copy).await.unwrap()), (role, Some(3)));
    }
}

#[tokio::test]
async fn a_table_of_a_later_version_is_not_dropped() {
    let (_folder, path) = folder_with([5]).await;
    with_table(&path, "stops");
    let error = EmbeddedMarkStore::open(&path, StoreRole::Signing).err().unwrap();
    assert!(matches!(&error, OpenError::Newer { table, .. } if table == "stops"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_start_opens_the_store_once_it_is_closed_and_fails_after_the_timeout() {
    const TIMEOUT: Duration = Duration::from_secs(15);
    let (_folder, path) = folder_with([5]).await;
    let store = EmbeddedMarkStore::open(&path, StoreRole::Signing).unwrap();
    let error = EmbeddedMarkStore::open_when_free(&path, StoreRole::Signing, TIMEOUT).await.err().unwrap();
    assert!(matches!(error, OpenError::StillInUse { waited: TIMEOUT, .. }), "{error}");
    let expected = format!("marks.redb is still in use by process {} (", std::process::id());
    assert!(error.to_string().contains(&expected), "{error}");
    drop(store);
    wait_until_closed(&path);
    let next = EmbeddedMarkStore::open_when_free(&path, StoreRole::Signing, TIMEOUT).await.unwrap();
    assert_eq!(level(&next).await.unwrap(), Some(5));
    assert!(matches!(EmbeddedMarkStore::open(&path, StoreRole::Signing), Err(OpenError::InUse { .. })));
}
