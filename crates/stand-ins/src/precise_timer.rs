//! A timer that is accurate to about a tenth of a millisecond; tokio's own rounds up to whole milliseconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Wakes tasks at given instants. One OS thread sleeps until the earliest.
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

/// Typical minimum time from the end of the thread's sleep until the waiting task runs.
const HAND_OVER: Duration = Duration::from_micros(30);

impl PreciseTimer {
    /// Starts the thread, which ends when the timer is dropped.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || of_thread.run());
        Self { shared }
    }

    /// Returns at `instant`, or at once if it has passed. Never returns once the timer is dropped.
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
            // Woken early: this takes a few rounds at most.
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
        disable_timer_slack();
        let mut alarms = self.lock();
        while !alarms.ended {
            let now = Instant::now();
            let wait = alarms.heap.peek().map(|Reverse(first)| first.at.saturating_duration_since(now));
            alarms = match wait {
                None => self.changed.wait(alarms).unwrap_or_else(PoisonError::into_inner),
                Some(wait) if wait.is_zero() => {
                    if let Some(Reverse(alarm)) = alarms.heap.pop() {
                        // The task may have given up.
                        let _ = alarm.wake.send(());
                    }
                    alarms
                }
                Some(wait) => self.changed.wait_timeout(alarms, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

/// By default the kernel may wake a thread 50 microseconds late, to wake several at once. This turns it off for this thread.
#[cfg(target_os = "linux")]
fn disable_timer_slack() {
    // If that is not permitted, the timer is less precise.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

#[cfg(not(target_os = "linux"))]
fn disable_timer_slack() {}

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
            assert!(Instant::now() >= due, "woken early");
            late.push(due.elapsed());
        }
        late.sort();
        // The median, since other tests compete for the processors.
        assert!(late[50] < Duration::from_micros(200), "{late:?}");
    }

    #[tokio::test]
    async fn an_earlier_alarm_overtakes_a_later_one() {
        let timer = PreciseTimer::start();
        let start = Instant::now();
        tokio::select! {
            () = timer.until(start + Duration::from_secs(20)) => panic!("the later alarm came first"),
            () = async {
                tokio::task::yield_now().await;
                timer.until(start + Duration::from_millis(5)).await;
            } => {}
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
