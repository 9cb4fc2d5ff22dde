//! What all instances of an app have in common.

use crate::app::App;
use crate::executable::Executable;
use crate::log::Log;
use crate::options::Options;

#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) app: App,
    pub(crate) executable: Executable,
    pub(crate) options: Options,
    pub(crate) log: Log,
}
