//! What runs at each place: relays, the signers of both regions, and a signer with another mark store.

use super::apps::Apps;
use super::{FIRST_SIGNER, OTHER_STORE, SIGNERS_PER_REGION};
use crate::fleet::Place;
use crate::release::Installed;
use crate::setup::{PLACES, Programs, Setup};
use stand_ins::Azure;
use std::path::Path;
use std::sync::Arc;

/// The signers of all regions, and then the one with another store, which uses the keys of the second region.
pub(super) fn signers(setup: &Setup, regions: &[Arc<Azure>], programs: &Programs, folder: &Path) -> Vec<Place> {
    let place = |number, environment| Place {
        number,
        program: Installed::at(number, &programs.signer, programs.other.as_deref()),
        arguments: &[],
        environment,
        clock: None,
    };
    let of_regions = regions.iter().flat_map(|azure| std::iter::repeat_n(azure, SIGNERS_PER_REGION));
    let mut places: Vec<_> = (FIRST_SIGNER..)
        .zip(of_regions)
        .map(|(number, azure)| place(number, azure.environment().into_iter().chain(setup.settings()).collect()))
        .collect();
    if let Some(azure) = regions.last() {
        let own =
            [("MARKS", "embedded".to_owned()), ("LOCAL_DATA_DIR", folder.join("other-store").display().to_string())];
        let environment = azure.environment().into_iter().filter(|(name, _)| !name.starts_with("COSMOS_"));
        places.push(place(OTHER_STORE, environment.chain(setup.settings()).chain(own).collect()));
    }
    places
}

/// The relays, each with a folder for its state, and these further settings.
pub(super) fn relays(apps: &Apps, programs: &Programs, folder: &Path, settings: &[(&'static str, &str)]) -> Vec<Place> {
    let place = |number: usize| {
        let mut environment = apps.environment();
        environment.extend([
            ("RELAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("RELAY_STATE_DIR", state_folder(folder, number).display().to_string()),
            ("LOG_FORMAT", "json".to_owned()),
        ]);
        environment.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let program = Installed::at(number, &programs.signer, programs.other.as_deref());
        Place { number, program, arguments: &["relay"], environment, clock: None }
    };
    (0..PLACES).map(place).collect()
}

/// The folder with the state of a relay.
pub(super) fn state_folder(folder: &Path, relay: usize) -> std::path::PathBuf {
    folder.join(format!("relay-{relay}"))
}
