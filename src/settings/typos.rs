//! Finds variables whose names are similar to those of settings.

use super::setting::Group;
use super::table::{self, NAMES};

/// Prefixes that only this program's variables have. A name without one of them may belong to another program.
const PREFIXES: [&str; 3] = ["COSMOS_", "KEY_VAULT_", "SIGNER_"];

/// Maximum number of edits: letters missing, added, wrong, or swapped with a neighbour.
const MAX_DISTANCE: usize = 2;

/// A variable that is set and is probably a misspelt setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typo {
    /// The variable.
    pub name: String,
    /// The setting that was probably meant. It is not set.
    pub setting: &'static str,
}

/// Finds variables that are probably misspelt settings: the name has a prefix that only this program uses, and is within two
/// edits of a setting that is not set. `names` lists all variables that are set.
///
/// Such a setting would silently keep its default, and for `COSMOS_ENDPOINT` that is another mark store.
pub fn probable_typos(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Vec<Typo> {
    let is_empty = |name: &str| variable(name).is_some_and(|value| value.is_empty());
    let missing: Vec<_> =
        NAMES.iter().copied().filter(|name| variable(name).is_none_or(|value| value.is_empty())).collect();
    let mut names: Vec<_> = names.iter().filter(|name| is_ours(name) && !is_empty(name)).collect();
    names.sort();
    let nearest = |name: &str| {
        let near = missing.iter().map(|setting| (distance(name, setting), *setting));
        near.filter(|(distance, _)| *distance <= MAX_DISTANCE).min_by_key(|(distance, _)| *distance)
    };
    names
        .into_iter()
        .filter_map(|name| nearest(name).map(|(_, setting)| Typo { name: name.clone(), setting }))
        .collect()
}

/// Variables that look like settings of this program but are not, and so have no effect. `names` lists all variables that are
/// set.
pub fn unknown_settings(names: &[String]) -> Vec<&String> {
    let entries = table::entries();
    let ours = || entries.iter().filter(|entry| entry.group != Group::Environment);
    // Other programs have variables such as RUST_LOG_STYLE.
    let families: Vec<_> =
        ours().filter(|entry| entry.group != Group::Log).filter_map(|entry| family(entry.name)).collect();
    let looks_like_ours = |name: &str| {
        PREFIXES.iter().chain(&families).any(|prefix| name.starts_with(prefix))
            || ours().any(|entry| entry.name.contains('_') && distance(name, entry.name) <= MAX_DISTANCE)
    };
    let mut unknown: Vec<_> =
        names.iter().filter(|name| looks_like_ours(name) && !NAMES.contains(&name.as_str())).collect();
    unknown.sort();
    unknown
}

/// The first two words of a name, in the singular.
fn family(name: &'static str) -> Option<&'static str> {
    let (first, rest) = name.split_once('_')?;
    let second = rest.split('_').next()?;
    name.get(..first.len() + 1 + second.len()).map(|family| family.trim_end_matches('S'))
}

fn is_ours(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !NAMES.contains(&name)
}

/// The Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and swaps of neighbours.
pub(super) fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<_>, Vec<_>) = (left.chars().collect(), right.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = Vec::with_capacity(last.len());
        current.push(row + 1);
        for (column, b) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = at(&last, column) + usize::from(a != b);
            best = best.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let is_swap = |row: usize, column: usize| left.get(row) == Some(b) && right.get(column) == Some(a);
            if let (Some(above), Some(before)) = (row.checked_sub(1), column.checked_sub(1))
                && is_swap(above, before)
            {
                best = best.min(at(&before_last, before) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typos(variables: &[(&str, &str)]) -> Vec<(String, &'static str)> {
        let value =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        let names: Vec<_> = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
        probable_typos(value, &names).into_iter().map(|typo| (typo.name, typo.setting)).collect()
    }

    #[test]
    fn distances_count_a_swap_of_neighbours_as_one() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("ENDPOINT", "ENDPOINT", 0),
            ("ENDPIONT", "ENDPOINT", 1),
            ("ENDPONT", "ENDPOINT", 1),
            ("ENDPOOINT", "ENDPOINT", 1),
            ("ENDPIONTS", "ENDPOINT", 2),
            ("NEDPIONT", "ENDPOINT", 2),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(left, right), expected, "{left} and {right}");
            assert_eq!(distance(right, left), expected, "{right} and {left}");
        }
    }

    #[test]
    fn misspelt_settings_are_found() {
        for (name, setting) in [
            ("COSMOS_ENDPIONT", "COSMOS_ENDPOINT"),
            ("COSMOS_ENDPOINTS", "COSMOS_ENDPOINT"),
            ("COSMOS_ENPOIN", "COSMOS_ENDPOINT"),
            ("COSMOS_NEDPIONT", "COSMOS_ENDPOINT"),
            ("COSMOS_DATABSE", "COSMOS_DATABASE"),
            ("COSMOS_CONTAINERS", "COSMOS_CONTAINER"),
            ("COSMOS_DISABLE_IDMS", "COSMOS_DISABLE_IMDS"),
            ("KEY_VAULT_URI", "KEY_VAULT_URL"),
            ("KEY_VAULT_ULR", "KEY_VAULT_URL"),
            ("SIGNER_LISTN", "SIGNER_LISTEN"),
        ] {
            assert_eq!(typos(&[(name, "x")]), [(name.to_owned(), setting)]);
        }
    }

    #[test]
    fn a_setting_that_is_set_has_no_typo() {
        assert!(typos(&[("COSMOS_ENDPIONT", "x"), ("COSMOS_ENDPOINT", "y")]).is_empty());
        assert_eq!(typos(&[("COSMOS_ENDPIONT", "x"), ("COSMOS_ENDPOINT", "")]).len(), 1, "empty is not set");
        assert!(typos(&[("COSMOS_ENDPIONT", "")]).is_empty(), "empty is not set");
    }

    #[test]
    fn variables_that_look_like_settings_are_found_and_others_ignored() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let ours = names(&[
            "ALLOW_LIST_KNOWN",
            "ALLOW_WEAK_CONSISTENCIES",
            "AUTHORIZED_KEY",
            "COSMOS_KEY",
            "HEAD_TRESHOLD",
            "KEY_VAULT_NAME",
            "LOCAL_DATA_FOLDER",
            "LOCAL_VAULT_PASSWORD",
            "LOG_FROMAT",
            "NODE_URL_1",
            "SIGNER_PORT",
            "SIGNING_KEY",
            "STORE_HEDGE",
            "VAULT_HEDGE_SECONDS",
        ]);
        assert_eq!(unknown_settings(&ours), ours.iter().collect::<Vec<_>>());
        let others =
            ["VAULT_ADDR", "RUST_LOG_STYLE", "RUST_LOG", "PATH", "MARK", "LOGS_FOLDER", "http_proxy", "NODE_ENV"];
        assert_eq!(unknown_settings(&names(&others)), Vec::<&String>::new());
    }

    #[test]
    fn variables_of_others_are_harmless() {
        // Outputs and parameters of the templates, variables of the tests, and those that Kubernetes sets for a Service called signer.
        for name in [
            "SIGNER_URL",
            "SIGNER_CLIENT_ID",
            "SIGNER_ALERT_EMAIL",
            "SIGNER_OPERATOR_ID",
            "SIGNER_KEYS",
            "SIGNER_PLAN",
            "SIGNER_POLICY",
            "SIGNER_NODE_URLS",
            "SIGNER_SETTINGS",
            "SIGNER_AUTHORIZED_KEYS",
            "SIGNER_BIN",
            "SIGNER_LOG",
            "SIGNER_SERVICE_HOST",
            "SIGNER_SERVICE_PORT",
            "SIGNER_SERVICE_PORT_HTTP",
            "SIGNER_PORT",
            "SIGNER_PORT_6732_TCP",
            "SIGNER_PORT_6732_TCP_ADDR",
            "SIGNER_PORT_6732_TCP_PORT",
            "SIGNER_PORT_6732_TCP_PROTO",
            "KEY_VAULT_NAME",
            "COSMOS_ACCOUNT",
            "COSMOS_KEY",
            "POLICYS",
            "MARK",
            "LOCAL_DATA_DRI",
            "NODE_URL",
        ] {
            assert!(typos(&[(name, "x")]).is_empty(), "{name}");
        }
    }
}
