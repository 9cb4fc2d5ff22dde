use super::NoToken;
use crate::reason::Reason;
use hickory_resolver::net::NetError;
use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
use std::error::Error;
use std::io;

/// An error with its causes, in one line. Never its `Debug` text, which holds whole responses, and never an address, which
/// holds a query.
pub(crate) fn reason_of(error: &(dyn Error + 'static)) -> String {
    let mut reason = text_of(error);
    let mut source = error.source();
    while let Some(cause) = source {
        let text = text_of(cause);
        if !reason.contains(&text) {
            reason.push_str(": ");
            reason.push_str(&text);
        }
        source = cause.source();
    }
    reason
}

fn text_of(cause: &(dyn Error + 'static)) -> String {
    let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    match cause.downcast_ref::<reqwest::Error>().and_then(reqwest::Error::url) {
        Some(url) => text.replace(&format!(" for url ({url})"), ""),
        None => text,
    }
}

/// An error of a service, for an answer in plain words, and for the log with all causes.
pub(crate) fn plain_reason(error: &(dyn Error + 'static)) -> Reason {
    Reason::with_log(plain_words(error).unwrap_or("it answered something unexpected"), reason_of(error))
}

/// What went wrong between this program and a service, if that is known: in words that name no address, and no part of a
/// library, which mean nothing to whoever reads an answer.
pub(crate) fn plain_words(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let known = [of_token, of_certificate, of_time, of_connection, of_client];
    known.into_iter().find_map(|words| causes(error).find_map(words))
}

/// An error and its causes, the outermost first. One that an I/O error was made of is a cause too.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| {
        let within = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        within.map(|within| within as &(dyn Error + 'static)).or_else(|| cause.source())
    })
}

fn of_token(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    Some(match cause.downcast_ref::<NoToken>()? {
        NoToken::ClockAhead { .. } => {
            "no token for it that has not expired by this machine's clock, which is probably ahead: set the clock"
        }
        NoToken::BeingRenewed | NoToken::NotRenewed(_) => "no token for it",
    })
}

fn of_certificate(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(why) = cause.downcast_ref()? else { return None };
    Some(match why {
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
            "its certificate is not valid by this machine's clock: is the clock right?"
        }
        _ => "its certificate is not trusted here",
    })
}

fn of_time(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let is_late = cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
        || cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
    is_late.then_some("it did not answer in time")
}

fn of_connection(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if cause.is::<NetError>() {
        return Some("its name was not found");
    }
    match cause.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => Some("no connection to it: refused"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some("no connection to it: no route"),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some("the connection to it broke"),
        _ => None,
    }
}

fn of_client(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let error = cause.downcast_ref::<reqwest::Error>()?;
    if error.is_connect() {
        Some("no connection to it")
    } else if error.is_request() || error.is_body() {
        Some("the connection to it broke")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_said_in_plain_words() {
        let io = |kind: io::ErrorKind| -> Box<dyn Error + Send + Sync> { io::Error::from(kind).into() };
        let tls =
            |why| -> Box<dyn Error + Send + Sync> { io::Error::other(rustls::Error::InvalidCertificate(why)).into() };
        let clock = NoToken::ClockAhead { expired: time::Duration::hours(2) };
        for (cause, expected) in [
            (io(io::ErrorKind::ConnectionRefused), Some("no connection to it: refused")),
            (io(io::ErrorKind::UnexpectedEof), Some("the connection to it broke")),
            (io(io::ErrorKind::TimedOut), Some("it did not answer in time")),
            (tls(NotValidYet), Some("its certificate is not valid by this machine's clock: is the clock right?")),
            (tls(rustls::CertificateError::UnknownIssuer), Some("its certificate is not trusted here")),
            (NoToken::NotRenewed("404".to_owned()).into(), Some("no token for it")),
            (
                clock.into(),
                Some(
                    "no token for it that has not expired by this machine's clock, which is probably ahead: set the clock",
                ),
            ),
            ("something else".into(), None),
        ] {
            let text = cause.to_string();
            let error = azure_core::Error::with_error(azure_core::error::ErrorKind::Io, cause, "failed to execute");
            assert_eq!(plain_words(&error), expected, "{text}");
        }
    }
}
