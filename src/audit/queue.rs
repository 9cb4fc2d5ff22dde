//! The lines that wait to be written. Nothing waits for them: when the queue is full, new lines are dropped and counted.

use crate::marks::{Mark, MarkId, MarkVersion, WriteObserver};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Some hours of one key's lines, of about 400 bytes each.
const MAX_LINES: usize = 16_384;

/// The queue. Takes the versions of marks that this process writes.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<String>,
    dropped: u64,
}

impl Queue {
    /// Adds a line, without its end. A full queue drops it.
    pub fn add(&self, line: String) {
        let mut state = self.lock();
        if state.lines.len() < MAX_LINES {
            state.lines.push_back(line);
            drop(state);
            self.added.notify_one();
        } else {
            state.dropped += 1;
        }
    }

    /// Waits until there is a line.
    pub(super) async fn wait(&self) {
        while self.lock().lines.is_empty() {
            self.added.notified().await;
        }
    }

    /// The first lines, of at most this many bytes together with their ends, and how many they are. They stay in the queue.
    pub(super) fn first(&self, max_bytes: usize) -> (String, usize) {
        let state = self.lock();
        let (mut text, mut count) = (String::new(), 0);
        for line in &state.lines {
            if count > 0 && text.len() + line.len() >= max_bytes {
                break;
            }
            text.push_str(line);
            text.push('\n');
            count += 1;
        }
        (text, count)
    }

    /// Removes the first lines, which were written.
    pub(super) fn remove(&self, count: usize) {
        let mut state = self.lock();
        let count = count.min(state.lines.len());
        state.lines.drain(..count);
    }

    /// How many lines were dropped since the last call.
    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.lock().dropped)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteObserver for Queue {
    fn written(&self, id: &MarkId, mark: &Mark) {
        // Numbers and texts always have a JSON form.
        self.add(serde_json::to_string(&MarkVersion::of(id, mark)).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_until_they_are_written_and_a_full_queue_drops_new_ones() {
        let queue = Queue::default();
        for number in 0..MAX_LINES + 2 {
            queue.add(format!("{number:05}"));
        }
        assert_eq!((queue.take_dropped(), queue.take_dropped()), (2, 0));
        assert_eq!(queue.first(12), ("00000\n00001\n".to_owned(), 2));
        assert_eq!(queue.first(1), ("00000\n".to_owned(), 1), "a long line is written alone");
        queue.remove(2);
        assert_eq!(queue.first(6).0, "00002\n");
        queue.remove(MAX_LINES);
        assert_eq!(queue.first(6), (String::new(), 0));
    }
}
