//! The events of the log. Each log line of this program has a field `event` with one of these names. The names are stable, while
//! messages may change: alerts, the workbook and tests rely on them.

use tracing::Level;

/// An event.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// The value of the field `event`.
    pub name: &'static str,
    /// The level of its lines.
    pub level: Level,
    /// What it means, in Markdown.
    pub meaning: &'static str,
}

const fn info(name: &'static str, meaning: &'static str) -> Event {
    Event { name, level: Level::INFO, meaning }
}

const fn warn(name: &'static str, meaning: &'static str) -> Event {
    Event { name, level: Level::WARN, meaning }
}

const fn error(name: &'static str, meaning: &'static str) -> Event {
    Event { name, level: Level::ERROR, meaning }
}

/// All events, by level and name.
pub const EVENTS: &[Event] = &[
    error(
        "account_unsuitable",
        "the database's account or container cannot keep marks safely: no block or vote is signed",
    ),
    error(
        "background_task_restarted",
        "a background task panicked or ended, which is a bug, and was restarted; `task` names it",
    ),
    error(
        "container_recreated",
        "the container of the marks was deleted and created again: no block or vote is signed",
    ),
    error("denounced", "the delegate of a key was denounced for signing twice; `response` says what was done"),
    error("failed", "a request could not be answered; `cause` says why"),
    error(
        "foreign_signature",
        "the chain has a signature of a key that was not made here; `response` says what was done",
    ),
    error(
        "host_does_not_proxy",
        "the Functions host does not support `enableProxyingHttpRequest`: no request can be answered",
    ),
    error(
        "relay_config_unusable",
        "relay: the file of `--config` cannot be used; the previous settings stay in force, and `reason` says why",
    ),
    error("relay_failed", "relay: a request could not be answered; `reason` says what each upstream responded"),
    error("relay_observer_signs", "relay: `RELAY_OBSERVER` is a signer that releases signatures, so it gets no copies"),
    error("relay_signature_wrong", "relay: an upstream returned an invalid signature, which was not passed on"),
    error("relay_store_differs", "relay: an upstream uses another mark store, so its responses are ignored"),
    error("store_failed", "the embedded store cannot write to its disk: no block or vote is signed"),
    warn("accept_failed", "a connection could not be accepted"),
    warn("account_unchecked", "the properties of the database's account could not be read"),
    warn(
        "audit_lines_dropped",
        "lines of the history of signatures were dropped, because the container could not be written to \
         for too long; `lines` is their number",
    ),
    warn(
        "audit_write_failed",
        "the history of signatures could not be written; signing is not affected. Logged once per outage",
    ),
    warn("block_missed", "a block that a key had the right to is not on chain; `outcome` and `cause` say why"),
    warn(
        "blocks_unavailable",
        "the votes in the blocks of a node cannot all be read; `reason` says why. Logged once per outage",
    ),
    warn("bound_elsewhere", "a key's tag names another mark store: no block or vote is signed with it"),
    warn(
        "client_certificate_rejected",
        "a request had no client certificate, or one that `CLIENT_CERTIFICATES` does not list",
    ),
    warn("connection_limit_reached", "a connection was rejected because too many are open"),
    warn("embedded_marks", "`MARKS=embedded`: keys in a vault, marks in a local file"),
    warn("embedded_vault", "keys are in a local file"),
    warn(
        "key_active_elsewhere",
        "another signer uses a key that has never signed here on this chain; until `silent_until`, the key signs nothing here",
    ),
    warn("key_duplicated", "one private key is in the vault under several names"),
    warn("key_file_exposed", "other users of the machine may read or write the key file"),
    warn("key_lost", "a key that could sign no longer can"),
    warn("key_search_slow", "a search of the vault is taking long"),
    warn(
        "key_stopped",
        "a mark is stopped: nothing of this `kind` is signed with the key on this `chain`; `by`, `reason` and `stop` say who \
         stopped it, why, and the stop's identifier. Once for each mark and stop",
    ),
    warn("keys_unreadable", "the vault's keys could not be listed"),
    warn("lines_dropped", "log lines were dropped because their reader was too slow; `lines` is their number"),
    warn(
        "memory_not_locked",
        "the system does not lock the memory of secret keys, so they may be written to swap; `call` and `reason` say why. Signing is \
         not affected. Logged once",
    ),
    warn(
        "metrics_listen_failed",
        "`METRICS_LISTEN` cannot be used, so metrics cannot be scraped; signing is not affected, and it is tried again",
    ),
    warn("metrics_push_failed", "metrics were not received; signing is not affected. Logged once per outage"),
    warn("newer_version", "a client requested a version of signatures that this release does not know"),
    warn("no_keys", "the vault has no key that can sign"),
    warn("node_unavailable", "a node's head could not be read"),
    warn("observing", "`OBSERVE=true`: every request is decided and logged, and nothing is released"),
    warn("policy_key_missing", "the policy names a key that is not in the vault"),
    warn("refused", "a request was refused; `cause` says why"),
    warn(
        "relay_authentication_key_unusable",
        "relay: the file of the key that signs requests cannot be used; the previous key stays in use",
    ),
    warn("relay_authorized_keys_differ", "relay: the upstreams list different authorized keys"),
    warn(
        "relay_client_certificate_unusable",
        "relay: the files of the client certificate cannot be used; the previous certificate stays in use",
    ),
    warn(
        "relay_function_keys_unusable",
        "relay: the file of function keys cannot be used; the previous keys stay in use",
    ),
    warn(
        "relay_heartbeat_failed",
        "relay: a heartbeat was not received; signing is not affected. Logged once per outage",
    ),
    warn(
        "relay_heartbeat_withheld",
        "relay: no heartbeat is sent, because signing would not work; `reason` says why. Logged once per outage",
    ),
    warn("relay_key_not_authorized", "relay: an upstream does not accept the key in `RELAY_AUTHENTICATION_KEY_FILE`"),
    warn(
        "relay_observer_unavailable",
        "relay: the observer misses copies of requests; signing is not affected. Logged once per outage",
    ),
    warn("relay_policies_differ", "relay: two upstreams have different policies"),
    warn("relay_refused", "relay: a signer refused a request; `cause` says why"),
    warn("relay_request_refused", "relay: a request was not forwarded; `reason` says why"),
    warn("relay_state_not_saved", "relay: `RELAY_STATE_DIR` could not be written"),
    warn("relay_upstream_failing", "relay: an upstream has failed twice in a row, so the others are tried first"),
    warn("relay_upstream_unusable", "relay: an authenticated request to an upstream failed; `reason` says why"),
    warn("request_invalid", "a request was malformed and never reached the signer"),
    warn("requests_aborted", "some requests were still unfinished when the program ended"),
    warn("sealed_key_unusable", "a sealed key does not sign; `reason` says why. Logged once for each problem"),
    warn("setting_ineffective", "a setting has no effect; `setting` names it"),
    warn("store_reconnects", "the connection to the database is being replaced"),
    warn("store_unavailable", "the database cannot be used yet"),
    warn("token_refresh_failed", "Microsoft Entra ID issued no token; the current one is used while it is valid"),
    warn("traces_push_failed", "traces were not received; signing is not affected. Logged once per outage"),
    warn(
        "vault_read_denied",
        "the vault no longer lets the signer read a key: its role is gone, or the key is. Logged once until a read succeeds",
    ),
    warn("vote_missed", "an attestation of a key is not on chain; `outcome` and `cause` say why"),
    warn("weak_consistency_allowed", "`ALLOW_WEAK_CONSISTENCY`: marks may be lost, and keys may sign twice"),
    warn(
        "witness_signature_wrong",
        "a node shows a vote of a key that the key has not signed: it lies, or the protocol has changed",
    ),
    info("audit_write_recovered", "the history of signatures is written again"),
    info("authentication_off", "`AUTHORIZED_KEYS` is not set (relay: `RELAY_AUTHORIZED_KEYS`)"),
    info("blocks_available", "the blocks of a node are read, for the first time or again"),
    info("head_not_checked", "`NODE_URLS` is not set"),
    info("hint", "a command for clients, in `command`"),
    info("key_added", "a key can sign"),
    info("key_binding_changed", "a key's tag names another mark store than before"),
    info("key_created", "the local vault had no key, so one was created"),
    info("key_left_out", "a version of a key in the vault does not sign; `reason` says why"),
    info("key_no_longer_left_out", "a version that was left out can sign"),
    info(
        "key_release_used",
        "keys of recipients are released to this confidential container, through the sidecar at `url`",
    ),
    info("key_resumed", "a mark is no longer stopped: this `kind` is signed again with the key on this `chain`"),
    info("key_vault_used", "keys are in the vault at `url`"),
    info("listening", "requests are accepted at `address`"),
    info("mark_store_new", "the embedded store has no marks yet"),
    info("metrics_listening", "metrics can be scraped at `address`"),
    info("metrics_push_recovered", "metrics are received again"),
    info("metrics_pushed", "metrics are pushed to `endpoint`"),
    info("node_available", "a node's head can be read, for the first time or again"),
    info("node_proxy", "requests to a node go through a proxy"),
    info(
        "observed",
        "an observer (`OBSERVE=true`) decided on a request and released nothing; `verdict` is its verdict",
    ),
    info(
        "relay_authentication_key_changed",
        "relay: the file of the key that signs requests has changed and was read again",
    ),
    info("relay_client_certificate_changed", "relay: the client certificate has changed; new connections use it"),
    info("relay_companion_answered", "relay: a companion key's signature was returned from memory"),
    info("relay_config_changed", "relay: the settings in the file of `--config` were read again and are in force"),
    info(
        "relay_figures",
        "relay: counts of requests to an upstream since the start; every ten minutes, and at the end",
    ),
    info("relay_function_keys_changed", "relay: the file of function keys has changed and was read again"),
    info("relay_heartbeat_recovered", "relay: heartbeats are sent and received again"),
    info(
        "relay_observer_figures",
        "relay: counts of the copies for the observer since the start, with `relay_figures`",
    ),
    info("relay_observer_recovered", "relay: the observer answers again"),
    info("relay_signed", "relay: a request was signed by `upstream`"),
    info("relay_store_pinned", "relay: all upstreams use the same mark store, which is now the only one accepted"),
    info("relay_upstream_recovered", "relay: an upstream works again"),
    info(
        "rights_unknown",
        "a node refuses requests for the rights of keys: missed blocks, and votes that nobody requested, are not noticed",
    ),
    info("sealed_key_opened", "a sealed key was opened, and can sign"),
    info("sealed_keys_used", "sealed keys are in the folder at `path`, in the container named `container`, or in both"),
    info("shutting_down", "the program is shutting down on a signal"),
    info("signed", "a request was signed"),
    info("started", "the program has started; `version` is its version"),
    info("store_lock_acquired", "the embedded store is free, after a wait"),
    info("store_lock_wait", "another process is using the embedded store: waiting for it"),
    info("store_ready", "the database is in use"),
    info("store_reconnected", "there is a new connection to the database"),
    info("store_recovered", "the embedded store can write again"),
    info("token_acquired", "Microsoft Entra ID issued a token"),
    info("traces_push_recovered", "traces are received again"),
    info("traces_pushed", "traces are pushed to `endpoint`"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};

    fn repository() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| if path.is_dir() { files(&path, extension) } else { vec![path] })
            .filter(|path| path.extension().is_some_and(|of_file| of_file == extension))
            .collect()
    }

    /// The arguments of a macro. `text` starts after the opening parenthesis.
    fn arguments(text: &str) -> &str {
        let (mut depth, mut in_string, mut escaped) = (1, false, false);
        for (at, character) in text.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' if in_string => escaped = true,
                '"' => in_string = !in_string,
                '(' if !in_string => depth += 1,
                ')' if !in_string => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return &text[..at];
            }
        }
        panic!("a macro has no end: {text}");
    }

    /// Each use of a logging macro, as level and arguments.
    fn logged(source: &str) -> Vec<(Level, &str)> {
        let product = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let macros = [("info!(", Level::INFO), ("warn!(", Level::WARN), ("error!(", Level::ERROR)];
        let uses = macros.into_iter().flat_map(|(name, level)| {
            let is_whole = |at: usize| !product[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let found = product.match_indices(name).filter(move |(at, _)| is_whole(*at));
            found.map(move |(at, _)| (level, arguments(&product[at + name.len()..])))
        });
        uses.collect()
    }

    #[test]
    fn each_log_line_has_a_listed_event_at_its_level_and_each_event_is_logged() {
        let mut used = BTreeSet::new();
        for path in files(&repository().join("src"), "rs") {
            let source = fs::read_to_string(&path).unwrap();
            for (level, arguments) in logged(&source) {
                let name = arguments.split_once("event = \"").and_then(|(_, rest)| rest.split('"').next());
                let event = EVENTS.iter().find(|event| Some(event.name) == name);
                let event =
                    event.unwrap_or_else(|| panic!("{}: {name:?} is not in EVENTS: {arguments}", path.display()));
                assert_eq!(event.level, level, "{}: {arguments}", path.display());
                used.insert(event.name);
            }
        }
        let names: Vec<_> = EVENTS.iter().map(|event| event.name).collect();
        assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "a name occurs twice");
        let unused: Vec<_> = names.iter().filter(|name| !used.contains(**name)).collect();
        assert!(unused.is_empty(), "these events are never logged: {unused:?}");
    }

    /// The events that the monitoring queries look for, each with the alerts that read it, or the workbook.
    fn read_by_queries() -> BTreeMap<String, BTreeSet<String>> {
        let mut readers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for path in files(&repository().join("infra/queries"), "kql") {
            let query = fs::read_to_string(&path).unwrap();
            let code: Vec<_> = query.lines().map(|line| line.split("//").next().unwrap()).collect();
            let is_alert = path.parent().unwrap().ends_with("alerts");
            let name = path.file_stem().unwrap().to_str().unwrap().replace('_', "-");
            let reader = if is_alert { format!("`{name}`") } else { "workbook".to_owned() };
            let code = code.join(" ");
            for (at, _) in code.match_indices("Event ") {
                let rest = code[at..].trim_start_matches("Event").trim_start();
                let compared = match rest.split_whitespace().next() {
                    Some("==") => rest.split('\'').nth(1).into_iter().collect(),
                    Some("in") => rest.split(')').next().unwrap().split('\'').skip(1).step_by(2).collect(),
                    // Its column in signer_log.kql.
                    Some("=") => Vec::new(),
                    other => panic!("{}: Event is compared with {other:?}", path.display()),
                };
                for event in compared {
                    readers.entry(event.to_owned()).or_default().insert(reader.clone());
                }
            }
        }
        readers
    }

    #[test]
    fn the_guide_lists_all_events_with_their_readers_and_queries_read_only_listed_events() {
        let readers = read_by_queries();
        assert!(readers.len() > 10, "the queries were not understood: {readers:?}");
        for name in readers.keys() {
            assert!(EVENTS.iter().any(|event| event.name == name), "a query reads {name}, which is not in EVENTS");
        }
        let readers_of = |name: &str| readers.get(name).cloned().unwrap_or_default();
        let expected = EVENTS.iter().map(|Event { name, level, meaning }| {
            let readers = Vec::from_iter(readers_of(name)).join(", ");
            format!("| `{name}` | {level} | {meaning} | {readers} |")
        });
        let guide = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
        let (_, table) = guide.split_once("| event | level | | read by |\n| --- | --- | --- | --- |\n").unwrap();
        let listed: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
        assert_eq!(listed, expected.collect::<Vec<_>>());
    }
}
