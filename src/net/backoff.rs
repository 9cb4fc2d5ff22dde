use std::time::Duration;

/// Pauses between the tries of one request: short at first, then longer, or as long as the service asks for.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
}

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(400);

impl Pauses {
    pub(crate) const fn new() -> Self {
        Self { next: FIRST }
    }

    /// The pause before the next try. What the service asked for, in `retry_after`, is not cut short: a try before would
    /// be turned away too, and count against the quota.
    pub(crate) fn next(&mut self, retry_after: Option<Duration>) -> Duration {
        let pause = self.next.max(retry_after.unwrap_or_default());
        self.next = (self.next * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_unless_the_service_asks_for_more() {
        let mut pauses = Pauses::new();
        let asked = [None, None, Some(Duration::from_secs(2)), None, None, None, None];
        let expected = [20, 40, 2000, 160, 320, 400, 400];
        for (asked, expected) in asked.into_iter().zip(expected) {
            assert_eq!(pauses.next(asked), Duration::from_millis(expected));
        }
    }
}
