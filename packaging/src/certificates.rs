//! The CA certificates of the image. They come from a crate, so that the lock file determines them and every machine builds the same.

use pem::{EncodeConfig, LineEnding, Pem, encode_many_config};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// Mozilla's certificate authorities for TLS servers, in PEM.
pub(crate) fn bundle() -> String {
    let certificates: Vec<_> =
        TLS_SERVER_ROOT_CERTS.iter().map(|certificate| Pem::new("CERTIFICATE", certificate.as_ref())).collect();
    encode_many_config(&certificates, EncodeConfig::new().set_line_ending(LineEnding::LF))
}
