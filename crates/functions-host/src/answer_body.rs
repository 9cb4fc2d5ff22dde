//! The body of a handler's answer, which must not stand still.

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// An answer's body that fails when nothing comes for too long, or when the function takes too long.
pub(crate) struct AnswerBody {
    incoming: Incoming,
    activity_timeout: Duration,
    activity: Pin<Box<Sleep>>,
    deadline: Option<Pin<Box<Sleep>>>,
    /// What is done when the function takes too long, once.
    too_late: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl AnswerBody {
    pub(crate) fn new(
        incoming: Incoming,
        activity_timeout: Duration,
        deadline: Option<Instant>,
        too_late: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        Self {
            incoming,
            activity_timeout,
            activity: Box::pin(sleep_until(Instant::now() + activity_timeout)),
            deadline: deadline.map(|deadline| Box::pin(sleep_until(deadline))),
            too_late: Some(Box::new(too_late)),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) {
            this.activity.as_mut().reset(Instant::now() + this.activity_timeout);
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            if let Some(too_late) = this.too_late.take() {
                too_late();
            }
            return Poll::Ready(Some(Err(io::Error::other("the function takes too long"))));
        }
        ready!(this.activity.as_mut().poll(context));
        Poll::Ready(Some(Err(io::Error::other("nothing comes for too long"))))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
