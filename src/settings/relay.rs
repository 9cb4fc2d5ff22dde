//! The settings of the relay.

use super::SettingsError;
use super::reader::Reader;
use super::table::{
    RELAY_ALLOW_DRAIN_DELEGATE, RELAY_AUTHENTICATION_KEY_FILE, RELAY_AUTHORIZED_KEYS, RELAY_CLIENT_CERTIFICATE_FILE,
    RELAY_CLIENT_KEY_FILE, RELAY_COMPANIONS, RELAY_DEADLINE_MS, RELAY_FUNCTION_KEYS, RELAY_FUNCTION_KEYS_FILE,
    RELAY_HEARTBEAT_SECONDS, RELAY_HEARTBEAT_URL, RELAY_HEARTBEAT_URL_FILE, RELAY_HEDGE_MS, RELAY_HOST_NAMES,
    RELAY_LISTEN, RELAY_OBSERVER, RELAY_OPERATIONS, RELAY_STATE_DIR, RELAY_STORE, RELAY_TOKEN_SCOPE, RELAY_UPSTREAMS,
};
use crate::relay::{
    ClientCertificateFiles, CompanionPair, FunctionKeySource, HeartbeatSettings, HeartbeatSource, RelaySettings,
    TokenSettings,
};
use secrecy::SecretString;
use std::path::PathBuf;

impl RelaySettings {
    /// Reads them. `names` are those of all variables that are set: one that is probably a misspelt setting is an error.
    ///
    /// # Errors
    /// [`SettingsError`], with all that is wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        reader.refuse_typos(names);
        let settings = Self {
            listen: reader.address(&RELAY_LISTEN),
            host_names: reader.list(&RELAY_HOST_NAMES),
            upstreams: reader.list(&RELAY_UPSTREAMS),
            observer: reader.parsed_with_reason(&RELAY_OBSERVER),
            hedge: reader.milliseconds(&RELAY_HEDGE_MS),
            deadline: reader.milliseconds(&RELAY_DEADLINE_MS),
            state_dir: reader.relay_state_dir(),
            store: reader.parsed_with_reason(&RELAY_STORE),
            operations: reader.list(&RELAY_OPERATIONS),
            allow_drain: reader.choice(&RELAY_ALLOW_DRAIN_DELEGATE).unwrap_or(false),
            authorized_keys: reader.list(&RELAY_AUTHORIZED_KEYS),
            authentication_key: reader.path(&RELAY_AUTHENTICATION_KEY_FILE).map(PathBuf::from),
            companions: reader.list(&RELAY_COMPANIONS),
            function_keys: reader.function_keys(),
            token: reader.token(),
            client_certificate: reader.client_certificate(),
            heartbeat: reader.heartbeat(),
        };
        reader.check_relay(&settings);
        reader.finish(settings)
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn relay_state_dir(&mut self) -> PathBuf {
        let path = self.path(&RELAY_STATE_DIR);
        PathBuf::from(path.as_deref().or(RELAY_STATE_DIR.values.default).unwrap_or_default())
    }

    fn function_keys(&mut self) -> FunctionKeySource {
        match (self.text(&RELAY_FUNCTION_KEYS), self.path(&RELAY_FUNCTION_KEYS_FILE)) {
            (Some(_), Some(_)) => {
                self.wrong(&RELAY_FUNCTION_KEYS, "is set, and RELAY_FUNCTION_KEYS_FILE too: set one of the two");
                FunctionKeySource::None
            }
            (Some(keys), None) => {
                FunctionKeySource::Given(keys.split(',').map(|key| SecretString::from(key.trim())).collect())
            }
            (None, Some(path)) => FunctionKeySource::File(PathBuf::from(path)),
            (None, None) => FunctionKeySource::None,
        }
    }

    fn token(&mut self) -> Option<TokenSettings> {
        let scope = self.parsed_with_reason(&RELAY_TOKEN_SCOPE)?;
        Some(TokenSettings { scope, identity: self.identity() })
    }

    fn client_certificate(&mut self) -> Option<ClientCertificateFiles> {
        let [certificate, key] = [&RELAY_CLIENT_CERTIFICATE_FILE, &RELAY_CLIENT_KEY_FILE].map(|file| self.path(file));
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                Some(ClientCertificateFiles { certificate: certificate.into(), key: key.into() })
            }
            (Some(_), None) if !self.is_set(&RELAY_CLIENT_KEY_FILE) => {
                self.wrong(
                    &RELAY_CLIENT_KEY_FILE,
                    "is not set: expected the private key of RELAY_CLIENT_CERTIFICATE_FILE",
                );
                None
            }
            (None, Some(_)) if !self.is_set(&RELAY_CLIENT_CERTIFICATE_FILE) => {
                self.wrong(
                    &RELAY_CLIENT_CERTIFICATE_FILE,
                    "is not set: expected the certificate that RELAY_CLIENT_KEY_FILE belongs to",
                );
                None
            }
            _ => None,
        }
    }

    fn heartbeat(&mut self) -> Option<HeartbeatSettings> {
        let interval = self.seconds(&RELAY_HEARTBEAT_SECONDS);
        let url = match (self.is_set(&RELAY_HEARTBEAT_URL), self.path(&RELAY_HEARTBEAT_URL_FILE)) {
            (true, Some(_)) => {
                self.wrong_together(&RELAY_HEARTBEAT_URL, &RELAY_HEARTBEAT_URL_FILE);
                return None;
            }
            (true, None) => HeartbeatSource::Given(self.parsed_with_reason(&RELAY_HEARTBEAT_URL)?),
            (false, file) => HeartbeatSource::File(file?.into()),
        };
        Some(HeartbeatSettings { url, interval })
    }

    fn check_relay(&mut self, settings: &RelaySettings) {
        if settings.upstreams.is_empty() && !self.is_set(&RELAY_UPSTREAMS) {
            self.wrong(&RELAY_UPSTREAMS, "is not set: expected the addresses of one or more signers");
        }
        for (index, upstream) in settings.upstreams.iter().enumerate() {
            if settings.upstreams.iter().take(index).any(|other| other == upstream) {
                self.wrong(&RELAY_UPSTREAMS, format!("entry {} is the same as an earlier one", index + 1));
            }
        }
        if settings.observer.as_ref().is_some_and(|observer| settings.upstreams.contains(observer)) {
            self.wrong(
                &RELAY_OBSERVER,
                "is one of RELAY_UPSTREAMS: expected a signer with OBSERVE=true and a mark store of its own",
            );
        }
        if !settings.listen.ip().is_loopback() && settings.host_names.is_empty() && !self.is_set(&RELAY_HOST_NAMES) {
            let address = settings.listen;
            let why = format!(
                "{address} can be reached from other machines: expected a loopback address, or RELAY_HOST_NAMES with the names under \
                 which clients may reach the relay"
            );
            self.wrong(&RELAY_LISTEN, why);
        }
        if settings.hedge >= settings.deadline {
            self.wrong(&RELAY_HEDGE_MS, "expected less than RELAY_DEADLINE_MS");
        }
        for (index, pair) in settings.companions.iter().enumerate() {
            let earlier = settings.companions.iter().take(index);
            let is_used = |other: &CompanionPair| {
                [other.consensus, other.companion].iter().any(|key| [pair.consensus, pair.companion].contains(key))
            };
            if earlier.copied().any(|other| is_used(&other)) {
                self.wrong(&RELAY_COMPANIONS, format!("entry {}: one of its keys is in an earlier entry", index + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<RelaySettings, SettingsError> {
        let value =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        RelaySettings::read(value, &[])
    }

    const UPSTREAM: (&str, &str) = ("RELAY_UPSTREAMS", "https://signer.example");
    const CONSENSUS: &str = "tz4HVR6aty9KwsQFHh81C1G7gBdhxT8kuytm";
    const COMPANION: &str = "tz4NhiAC3w3PjbQ98CgHGJoio5rSynDHNqiP";

    #[test]
    fn wrong_settings_say_what_is_expected() {
        let pair = format!("{CONSENSUS}={COMPANION}");
        let twice = format!("{pair},{COMPANION}={CONSENSUS}");
        let keys = ("RELAY_FUNCTION_KEYS", "secret");
        let scope = ("RELAY_TOKEN_SCOPE", "api://0a1b/.default");
        for (variables, name, why) in [
            (vec![], "RELAY_UPSTREAMS", "expected the addresses of one or more signers"),
            (vec![("RELAY_UPSTREAMS", "http://signer.example")], "RELAY_UPSTREAMS", "entry 1: expected https://"),
            (
                vec![("RELAY_UPSTREAMS", "https://a.example,https://a.example/")],
                "RELAY_UPSTREAMS",
                "entry 2 is the same as an earlier one",
            ),
            (
                vec![UPSTREAM, ("RELAY_LISTEN", "0.0.0.0:6732")],
                "RELAY_LISTEN",
                "expected a loopback address, or RELAY_HOST_NAMES",
            ),
            (vec![UPSTREAM, ("RELAY_HOST_NAMES", "relay:6732")], "RELAY_HOST_NAMES", "without a port"),
            (vec![UPSTREAM, ("RELAY_HEDGE_MS", "5000")], "RELAY_HEDGE_MS", "expected less than RELAY_DEADLINE_MS"),
            (vec![UPSTREAM, ("RELAY_OBSERVER", "http://signer.example")], "RELAY_OBSERVER", "expected https://"),
            (vec![UPSTREAM, ("RELAY_OBSERVER", UPSTREAM.1)], "RELAY_OBSERVER", "is one of RELAY_UPSTREAMS"),
            (vec![UPSTREAM, ("RELAY_STORE", "0123")], "RELAY_STORE", "expected 64 hexadecimal digits"),
            (vec![UPSTREAM, ("RELAY_OPERATIONS", "baker")], "RELAY_OPERATIONS", "entry 1: "),
            (vec![UPSTREAM, ("RELAY_COMPANIONS", CONSENSUS)], "RELAY_COMPANIONS", "entry 1: expected <consensus key>="),
            (
                vec![UPSTREAM, ("RELAY_COMPANIONS", &twice)],
                "RELAY_COMPANIONS",
                "entry 2: one of its keys is in an earlier entry",
            ),
            (
                vec![UPSTREAM, keys, ("RELAY_FUNCTION_KEYS_FILE", "/keys")],
                "RELAY_FUNCTION_KEYS",
                "is set, and RELAY_FUNCTION_KEYS_FILE too",
            ),
            (
                vec![UPSTREAM, ("RELAY_HEARTBEAT_URL", "http://hc-ping.com/0a1b")],
                "RELAY_HEARTBEAT_URL",
                "expected an address with https://",
            ),
            (
                vec![UPSTREAM, ("RELAY_HEARTBEAT_URL", "https://a.example"), ("RELAY_HEARTBEAT_URL_FILE", "/url")],
                "RELAY_HEARTBEAT_URL",
                "set only one of the two",
            ),
            (vec![UPSTREAM, ("RELAY_TOKEN_SCOPE", "api://0a1b")], "RELAY_TOKEN_SCOPE", "/.default"),
            (
                vec![UPSTREAM, ("RELAY_CLIENT_CERTIFICATE_FILE", "/certificate.pem")],
                "RELAY_CLIENT_KEY_FILE",
                "expected the private key",
            ),
            (
                vec![UPSTREAM, ("RELAY_CLIENT_KEY_FILE", "/key.pem")],
                "RELAY_CLIENT_CERTIFICATE_FILE",
                "expected the certificate",
            ),
            (
                vec![UPSTREAM, scope, ("AZURE_CLIENT_CERTIFICATE_PATH", "/principal.pem"), ("AZURE_CLIENT_ID", "0a1b")],
                "AZURE_CLIENT_CERTIFICATE_PATH",
                "expected AZURE_TENANT_ID and AZURE_CLIENT_ID",
            ),
        ] {
            let error = read(&variables).err().unwrap_or_else(|| panic!("{variables:?}"));
            let [error] = error.0.as_slice() else { panic!("{error}") };
            assert_eq!(error.name, name, "{error}");
            assert!(error.why.contains(why), "{error}");
        }
        assert!(read(&[UPSTREAM, ("RELAY_COMPANIONS", &pair), keys]).is_ok());
        assert!(read(&[UPSTREAM, ("RELAY_LISTEN", "0.0.0.0:1"), ("RELAY_HOST_NAMES", "relay.example")]).is_ok());
    }
}
