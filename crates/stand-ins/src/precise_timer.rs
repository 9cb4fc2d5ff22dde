//! A timer that keeps to a tenth of a millisecond or so; tokio's own rounds up to whole milliseconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Wakes whoever waits for an instant. One thread of the operating system sleeps until the earliest one.
#[derive(Debug)]
pub struct PreciseTimer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    alarms: Mutex<Alarms>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Alarms {
    heap: BinaryHeap<Reverse<Alarm>>,
    next: u64,
    ended: bool,
}

/// Ordered by instant, then by number.
#[derive(Debug)]
struct Alarm {
    at: Instant,
    number: u64,
    wake: oneshot::Sender<()>,
}

/// From the end of the thread's sleep until the task runs that waits, it takes about so long at least.
const HAND_OVER: Duration = Duration::from_micros(30);

impl PreciseTimer {
    /// Starts the thread, which ends when the timer is dropped.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || of_thread.run());
        Self { shared }
    }

    /// Returns at `instant`, or at once if that is past. Never returns when the timer has been dropped.
    pub async fn until(&self, instant: Instant) {
        if instant <= Instant::now() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        {
            let mut alarms = self.shared.lock();
            let number = alarms.next;
            alarms.next += 1;
            let at = instant.checked_sub(HAND_OVER).unwrap_or(instant);
            let is_earliest = alarms.heap.peek().is_none_or(|Reverse(first)| at < first.at);
            alarms.heap.push(Reverse(Alarm { at, number, wake }));
            if is_earliest {
                self.shared.changed.notify_one();
            }
        }
        if woken.await.is_err() {
            std::future::pending::<()>().await;
        }
        while Instant::now() < instant {
            // It was quicker than expected: a few rounds at most.
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for PreciseTimer {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Alarms> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let_no_slack();
        let mut alarms = self.lock();
        while !alarms.ended {
            let now = Instant::now();
            let wait = alarms.heap.peek().map(|Reverse(first)| first.at.saturating_duration_since(now));
            alarms = match wait {
                None => self.changed.wait(alarms).unwrap_or_else(PoisonError::into_inner),
                Some(wait) if wait.is_zero() => {
                    if let Some(Reverse(alarm)) = alarms.heap.pop() {
                        // Nobody may be waiting any more.
                        let _ = alarm.wake.send(());
                    }
                    alarms
                }
                Some(wait) => self.changed.wait_timeout(alarms, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

/// The kernel may wake a thread late, by 50 microseconds as a rule, so as to wake several at once. Not this thread.
#[cfg(target_os = "linux")]
fn let_no_slack() {
    // Where it is not allowed, the timer is that much less precise.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

#[cfg(not(target_os = "linux"))]
fn let_no_slack() {}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Alarm {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wakes_within_a_fraction_of_a_millisecond() {
        let timer = PreciseTimer::start();
        let mut late = Vec::new();
        for micros in (0..100).map(|n| 300 + 17 * n) {
            let due = Instant::now() + Duration::from_micros(micros);
            timer.until(due).await;
            assert!(Instant::now() >= due, "never early");
            late.push(due.elapsed());
        }
        late.sort();
        // The median, since the other tests of a run want the processors too.
        assert!(late[50] < Duration::from_micros(200), "{late:?}");
    }

    #[tokio::test]
    async fn earlier_ones_overtake_later_ones() {
        let timer = PreciseTimer::start();
        let start = Instant::now();
        tokio::select! {
            () = timer.until(start + Duration::from_secs(20)) => panic!("the later one first"),
            () = async {
                tokio::task::yield_now().await;
                timer.until(start + Duration::from_millis(5)).await;
            } => {}
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
