//! A deployment to check, and the report.

use crate::doctor::node::{self, Says};
use serde_json::Value;
use stand_ins::{Azure, Curve, KeyVersion, NewKey, Options, RotationPolicy};
use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;

/// The tag that binds a key to the marks of a deployment.
pub(crate) async fn bound_here(azure: &Azure) -> String {
    let address = azure.cosmos.url().replace("https://", "");
    format!("{address}signer/marks#{}", azure.cosmos.container_rid().await.unwrap())
}

/// A correct deployment: an HSM key without rotation, bound to its marks, strong consistency, two nodes.
pub(crate) struct Deployment {
    pub(crate) azure: Azure,
    pub(crate) key: KeyVersion,
    pub(crate) variables: BTreeMap<&'static str, String>,
}

impl Deployment {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let azure = Azure::start_with(options).await;
        let tags = BTreeMap::from([("signer-marks".to_owned(), bound_here(&azure).await)]);
        let key = azure.key_vault.add_key(NewKey { hsm: true, tags, ..NewKey::new("baker", Curve::P256) });
        azure.key_vault.rotation_policy(Some(RotationPolicy::default()));
        let mut variables: BTreeMap<_, _> = azure.environment().into_iter().collect();
        let nodes = [node::url(Says::default()), node::url(Says { level: 1001, ..Says::default() })];
        variables.insert("NODE_URLS", nodes.join(","));
        Self { azure, key, variables }
    }

    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.insert(name, value.into());
    }

    /// The key, as in the report.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.key.name, self.key.version)
    }

    /// Runs `doctor`, and parses its JSON report.
    pub(crate) fn examine(&self, arguments: &[&str]) -> Examined {
        let (printed, status) = self.print(&[arguments, &["--json"]].concat());
        Examined::new(&printed, status)
    }

    /// Its output, which must not contain secrets, and its exit code.
    pub(crate) fn print(&self, arguments: &[&str]) -> (String, i32) {
        let (printed, complaint, status) = run(&self.variables, arguments);
        let tokens = self.azure.identity.tokens();
        let secrets = tokens.iter().map(String::as_str).chain([self.azure.identity.secret(), "sig%3D", "Bearer ey"]);
        for secret in secrets {
            assert!(!printed.contains(secret) && !complaint.contains(secret), "{secret} is in\n{printed}\n{complaint}");
        }
        (printed, status)
    }
}

/// Standard output, standard error and the exit code of `doctor`.
pub(crate) fn run(variables: &BTreeMap<&str, String>, arguments: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_azurehsm-signer"))
        .arg("doctor")
        .args(arguments)
        .env_clear()
        .envs(variables)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// A JSON report.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) json: Value,
    pub(crate) status: i32,
}

impl Examined {
    pub(crate) fn new(printed: &str, status: i32) -> Self {
        let json: Value = serde_json::from_str(printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
        let failed = json["findings"].as_array().unwrap().iter().any(|finding| finding["outcome"] == "failed");
        assert_eq!((json["ok"] == true, status), (!failed, i32::from(failed)), "{json:#}");
        for finding in json["findings"].as_array().unwrap() {
            let fields: Vec<_> = finding.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["advice", "check", "outcome", "subject", "text"]);
            let needs_advice = finding["outcome"] == "failed" || finding["outcome"] == "warning";
            assert!(finding["advice"].is_string() || !needs_advice, "{finding}");
        }
        Self { json, status }
    }

    /// Each check with its outcome.
    pub(crate) fn outcomes(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.findings().iter().map(|finding| (text(&finding["check"]), text(&finding["outcome"]))).collect()
    }

    /// Asserts that there is a finding of this check with this outcome, with these words in its text or advice.
    pub(crate) fn assert_finds(&self, check: &str, outcome: &str, words: &[&str]) {
        assert!(self.finds(check, outcome, words), "no {outcome} {check} with {words:?} in\n{self}");
    }

    /// Whether there is such a finding.
    pub(crate) fn finds(&self, check: &str, outcome: &str, words: &[&str]) -> bool {
        self.findings().iter().any(|finding| {
            let all = format!("{} {} {}", finding["subject"], finding["text"], finding["advice"]);
            finding["check"] == check && finding["outcome"] == outcome && words.iter().all(|words| all.contains(words))
        })
    }

    /// All checks with this outcome.
    pub(crate) fn checks(&self, outcome: &str) -> Vec<String> {
        self.outcomes().into_iter().filter(|(_, found)| found == outcome).map(|(check, _)| check).collect()
    }

    fn findings(&self) -> &[Value] {
        self.json["findings"].as_array().unwrap()
    }
}

impl fmt::Display for Examined {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings().iter().try_for_each(|finding| writeln!(formatter, "{finding}"))
    }
}
