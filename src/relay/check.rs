//! `relay check`: calls each upstream as the relay does, and reports what it finds.

use super::authentication_key::AuthenticationKey;
use super::connections::Sharing;
use super::core::Relay;
use super::state::SavedState;
use super::upstream::{Call, NoReply, Upstream};
use super::{RelayError, RelaySettings, StoreDigest};
use crate::answer::Verdict;
use crate::azure::TlsRoots;
use crate::tezos::PublicKey;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Calls that the round trip is measured with.
const ROUND_TRIPS: usize = 20;

/// Above the error of the header `Date`, which has whole seconds, and of a slow network.
const MAX_CLOCK_ERROR: time::Duration = time::Duration::seconds(3);

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The upstream's address.
    pub upstream: String,
    /// What was checked.
    pub check: &'static str,
    /// Whether the relay can work with it.
    pub is_ok: bool,
    /// What was found, and what to do if that is wrong.
    pub text: String,
}

/// What an upstream said about itself.
#[derive(Default)]
struct Said {
    store: Option<StoreDigest>,
    policy: Option<String>,
}

/// Checks all upstreams, one after the other. Requests no signature, and writes nothing.
///
/// # Errors
/// [`RelayError`], for what would also stop the start of the relay.
pub async fn check(settings: &RelaySettings, roots: &TlsRoots) -> Result<Vec<Finding>, RelayError> {
    let relay = Relay::new(Arc::new(SavedState::read(&settings.state_dir)?), settings, roots, None)?;
    let authentication_key = relay.authentication_key.as_ref().map(AuthenticationKey::public_key);
    let mut findings = Vec::new();
    let mut all_said = Vec::new();
    let validity = relay.credentials.validity().await;
    for upstream in &relay.upstreams {
        let mut report = Report { upstream, findings: &mut findings };
        for credential in &validity {
            match credential {
                Ok(text) => report.ok("credential", text.clone()),
                Err(text) => report.wrong("credential", text.clone()),
            }
        }
        all_said.push((upstream, check_upstream(report, authentication_key.as_ref()).await));
    }
    let pinned = relay.identities.store();
    let expected = pinned.or_else(|| all_said.iter().find_map(|(_, said)| said.store));
    let policy = all_said.iter().find_map(|(_, said)| said.policy.clone());
    for (upstream, said) in &all_said {
        let mut report = Report { upstream, findings: &mut findings };
        match (said.store, expected) {
            (Some(store), Some(expected)) if store == expected => report.ok("store", store.to_string()),
            (Some(store), Some(expected)) => report.wrong(
                "store",
                format!(
                    "{store}, and expected {expected}: all upstreams must use one mark store; RELAY_STORE says which"
                ),
            ),
            _ => {}
        }
        if let Some(of_upstream) = &said.policy {
            let is_same = said.policy == policy;
            let text =
                if is_same { of_upstream.clone() } else { format!("{of_upstream}: not that of the first upstream") };
            report.found("policy", is_same, text);
        }
    }
    Ok(findings)
}

/// The findings about one upstream.
struct Report<'a> {
    upstream: &'a Upstream,
    findings: &'a mut Vec<Finding>,
}

impl Report<'_> {
    fn found(&mut self, check: &'static str, is_ok: bool, text: String) {
        self.findings.push(Finding { upstream: self.upstream.url.to_string(), check, is_ok, text });
    }

    fn ok(&mut self, check: &'static str, text: String) {
        self.found(check, true, text);
    }

    fn wrong(&mut self, check: &'static str, text: String) {
        self.found(check, false, text);
    }
}

async fn check_upstream(mut report: Report<'_>, authentication_key: Option<&PublicKey>) -> Said {
    let upstream = report.upstream;
    match round_trips(upstream).await {
        Ok((first, times)) => {
            let percentile = |percent: usize| times.get(times.len().saturating_sub(1) * percent / 100).copied();
            let [median, slow] = [50, 99].map(|percent| percentile(percent).unwrap_or(first).as_millis());
            let first = first.as_millis();
            report.ok(
                "connection",
                format!("answered in {first} ms over a new connection; open: p50 {median} ms, p99 {slow} ms"),
            );
        }
        Err(reason) => {
            report.wrong("connection", reason);
            return Said::default();
        }
    }
    let (sent, deadline) = (OffsetDateTime::now_utc(), Instant::now() + TIMEOUT);
    let reply = match upstream.call(&Call::get("/keys"), Sharing::Any, deadline).await {
        Ok(reply) => reply,
        // Reported with the token's validity.
        Err(NoReply::NoToken(_)) => return Said::default(),
        Err(no_reply) => {
            report.wrong("credential", no_reply.to_string());
            return Said::default();
        }
    };
    if let Some(date) = reply.date {
        let ahead = sent - date;
        let text = format!("this machine's clock is {:.1} s ahead of the upstream's", ahead.as_seconds_f32());
        report.found("clock", ahead.abs() <= MAX_CLOCK_ERROR, text);
    }
    let Some(signer) = &reply.signer else {
        report.wrong("credential", upstream.reason_of_platform(&reply));
        return Said::default();
    };
    if signer.verdict == Verdict::Refused {
        report.wrong("credential", reply.message());
        return Said::default();
    }
    report.ok("credential", "accepted".to_owned());
    report.ok("version", signer.version.clone().unwrap_or_default());
    if signer.store.is_none() {
        report.wrong("store", "the signer does not know its mark store yet: see its log".to_owned());
    }
    let keys = reply.listed_keys();
    report.found("keys", !keys.is_empty(), if keys.is_empty() { "none can sign".to_owned() } else { keys.join(", ") });
    check_authentication(&mut report, authentication_key).await;
    Said { store: signer.store, policy: signer.policy.clone() }
}

/// Whether requests must be signed, and whether the relay can do that.
async fn check_authentication(report: &mut Report<'_>, own: Option<&PublicKey>) {
    let reply = report.upstream.call(&Call::get("/authorized_keys"), Sharing::Any, Instant::now() + TIMEOUT).await;
    let hashes = match reply.map(|reply| reply.authorized_keys().ok_or_else(|| reply.message())) {
        Ok(Ok(hashes)) => hashes,
        Ok(Err(reason)) => return report.wrong("authentication", reason),
        Err(no_reply) => return report.wrong("authentication", no_reply.to_string()),
    };
    let list = hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match own {
        _ if hashes.is_empty() => report.ok("authentication", "not required".to_owned()),
        None => {
            let text =
                format!("required: clients must sign requests with {list}, or set RELAY_AUTHENTICATION_KEY_FILE");
            report.ok("authentication", text);
        }
        Some(key) if hashes.contains(&key.hash()) => {
            report.ok("authentication", format!("the relay signs requests with {}", key.hash()));
        }
        Some(key) => {
            let text = format!(
                "the signer accepts {list}, and the key in RELAY_AUTHENTICATION_KEY_FILE is {}: add its public key {key} to \
                 AUTHORIZED_KEYS of the signer",
                key.hash()
            );
            report.wrong("authentication", text);
        }
    }
}

/// The time of a call over a new connection, and the sorted times of calls over the same one, without a credential.
async fn round_trips(upstream: &Upstream) -> Result<(Duration, Vec<Duration>), String> {
    let start = Instant::now();
    let lease = upstream.connections.open_new().await.map_err(|error| error.to_string())?;
    let opening = start.elapsed();
    let first = opening + upstream.probe(lease, TIMEOUT).await.map_err(|no_reply| no_reply.to_string())?;
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let lease = upstream.connections.take(Sharing::Any).ok_or("the connection ends after each answer")?;
        times.push(upstream.probe(lease, TIMEOUT).await.map_err(|no_reply| no_reply.to_string())?);
    }
    times.sort_unstable();
    Ok((first, times))
}
