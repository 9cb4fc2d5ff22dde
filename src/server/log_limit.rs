use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Warnings about clients that are written within a second.
const MAX_LINES_PER_SECOND: u32 = 20;

struct Complaints {
    second: Option<Instant>,
    said: u32,
    unsaid: u64,
}

static COMPLAINTS: Mutex<Complaints> = Mutex::new(Complaints { second: None, said: 0, unsaid: 0 });

/// Writes a warning that any client could cause, unless there were too many within a second. It is told how many were left
/// unsaid since the last one.
pub(super) fn warn_of_clients(write: impl FnOnce(u64)) {
    let mut complaints = COMPLAINTS.lock().unwrap_or_else(PoisonError::into_inner);
    if complaints.second.is_none_or(|second| second.elapsed() >= Duration::from_secs(1)) {
        complaints.second = Some(Instant::now());
        complaints.said = 0;
    }
    if complaints.said < MAX_LINES_PER_SECOND {
        complaints.said += 1;
        write(std::mem::take(&mut complaints.unsaid));
    } else {
        complaints.unsaid += 1;
    }
}
