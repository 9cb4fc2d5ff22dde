//! Routes: which function a request is for.

mod constraint;
mod parser;
mod router;
mod template;

pub(crate) use router::{Routed, Router};
pub use template::RouteError;
pub(crate) use template::Template;
