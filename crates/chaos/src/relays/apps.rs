//! The function apps, one in each region, in front of the signers.

use super::{FIRST_SIGNER, OTHER_STORE, REGIONS, SIGNERS_PER_REGION};
use crate::fleet::AddressBook;
use stand_ins::FunctionApp;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The function key of all apps.
pub(super) const FUNCTION_KEY: &str = "chaosfunctionkeyofbothapps";

/// The apps, and the signers that they forward to.
pub(super) struct Apps {
    of_regions: Vec<FunctionApp>,
    /// The certificate authorities of all apps.
    authorities: PathBuf,
    routes: Mutex<Routes>,
}

#[derive(Default)]
struct Routes {
    /// The addresses of running signers, those of the first region first, and of the one with another store.
    running: [Option<SocketAddr>; OTHER_STORE - FIRST_SIGNER + 1],
    /// The regions whose app is in front of the signer with another store.
    misdirected: [bool; REGIONS],
}

impl Apps {
    /// Starts them, without signers.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let start = |_| FunctionApp::start(IpAddr::V4(Ipv4Addr::LOCALHOST), nobody, FUNCTION_KEY);
        let apps: Vec<_> = (0..REGIONS).map(start).collect::<io::Result<_>>()?;
        let authorities = folder.join("authorities.pem");
        std::fs::write(&authorities, apps.iter().map(FunctionApp::authority_pem).collect::<String>())?;
        Ok(Self { of_regions: apps, authorities, routes: Mutex::default() })
    }

    /// The settings of a relay in front of these apps.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let urls: Vec<_> = self.of_regions.iter().map(FunctionApp::url).collect();
        vec![
            ("RELAY_UPSTREAMS", urls.join(",")),
            ("RELAY_FUNCTION_KEYS", FUNCTION_KEY.to_owned()),
            ("SSL_CERT_FILE", self.authorities.display().to_string()),
        ]
    }

    /// The app of a region.
    pub(super) fn of(&self, region: usize) -> Option<&FunctionApp> {
        self.of_regions.get(region)
    }

    /// All apps.
    pub(super) fn all(&self) -> impl Iterator<Item = &FunctionApp> {
        self.of_regions.iter()
    }

    /// Puts a region's app in front of the signer with another store, by mistake, or corrects that.
    pub(super) fn misdirect(&self, region: usize, is_misdirected: bool) {
        let mut routes = self.routes();
        if let Some(misdirected) = routes.misdirected.get_mut(region) {
            *misdirected = is_misdirected;
        }
        self.apply(&routes);
    }

    /// The addresses of the running signers of a region.
    pub(super) fn signers(&self, region: usize) -> Vec<SocketAddr> {
        let running = self.routes().running;
        running.iter().skip(region * SIGNERS_PER_REGION).take(SIGNERS_PER_REGION).flatten().copied().collect()
    }

    fn apply(&self, routes: &Routes) {
        let (signers, others) = routes.running.split_at(REGIONS * SIGNERS_PER_REGION);
        let regions = signers.chunks(SIGNERS_PER_REGION).zip(routes.misdirected);
        for (app, (signers, is_misdirected)) in self.of_regions.iter().zip(regions) {
            let signers = if is_misdirected { others } else { signers };
            app.set_instances(signers.iter().flatten().copied().collect());
        }
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AddressBook for Apps {
    fn set_address(&self, place: usize, address: Option<SocketAddr>) {
        let mut routes = self.routes();
        if let Some(running) = place.checked_sub(FIRST_SIGNER).and_then(|index| routes.running.get_mut(index)) {
            *running = address;
        }
        self.apply(&routes);
    }
}
