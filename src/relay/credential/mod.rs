//! What the relay presents to the upstreams, so that the platform in front of a signer accepts its requests.

mod function_keys;

use function_keys::FunctionKeys;
pub use function_keys::{FunctionKeyError, FunctionKeySource};

use super::RelaySettings;
use reqwest::header::{HeaderMap, HeaderName};

/// The header that carries a function key.
const FUNCTION_KEY: HeaderName = HeaderName::from_static("x-functions-key");

/// The credentials of all upstreams.
pub(super) struct Credentials {
    function_keys: FunctionKeys,
}

impl Credentials {
    /// Reads the files and settings. Sends no requests.
    ///
    /// # Errors
    /// [`FunctionKeyError`].
    pub(super) fn read(settings: &RelaySettings) -> Result<Self, FunctionKeyError> {
        let function_keys = FunctionKeys::read(settings.function_keys.clone(), settings.upstreams.len())?;
        Ok(Self { function_keys })
    }

    /// The headers that a request to an upstream carries. Their values are marked as sensitive, so that no library prints them.
    pub(super) fn headers(&self, upstream: usize) -> HeaderMap {
        self.function_keys.of(upstream).map(|key| (FUNCTION_KEY, key)).into_iter().collect()
    }

    /// Records that the platform in front of an upstream has answered 401: a credential may just have been replaced.
    pub(super) fn rejected(&self) {
        self.refresh();
    }

    /// Reads the files again, in case they have changed.
    pub(super) fn refresh(&self) {
        self.function_keys.refresh();
    }
}
