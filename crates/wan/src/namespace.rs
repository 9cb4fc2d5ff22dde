//! Network namespaces, one for each site.

use crate::emulator::DEVICE;
use crate::{Error, iproute};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::Path;
use std::{io, process};

/// Where `ip netns` keeps them.
const FOLDER: &str = "/run/netns";
/// Where `ip netns exec` finds files that replace those of `/etc`, by namespace.
const FILES: &str = "/etc/netns";
const PREFIX: &str = "wan-emulator-";
/// More packets than one TCP window holds, so that the device itself drops none.
const DEVICE_QUEUE_LENGTH: u32 = 10_000;

/// A namespace that this process has created. Dropping it kills the processes in it, and removes it.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Creates one, with the contents of `/etc/hosts` for its programs.
    pub(crate) fn create(name: &str, hosts: &str) -> Result<Self, Error> {
        iproute::run(&["netns", "add", name], "")?;
        // From here on, dropping it removes what there is.
        let namespace = Self { name: name.to_owned() };
        let files = Path::new(FILES).join(name);
        let written = fs::create_dir_all(&files).and_then(|()| fs::write(files.join("hosts"), hosts));
        written.map_err(|error| Error::of_system("write the host names of a site", error))?;
        Ok(namespace)
    }

    /// Gives its devices their addresses, and starts them.
    pub(crate) fn configure(&self, address: Ipv4Addr) -> Result<(), Error> {
        let commands = format!(
            "link set lo up\n\
             address add {address}/24 dev {DEVICE}\n\
             link set {DEVICE} txqueuelen {DEVICE_QUEUE_LENGTH} up\n"
        );
        iproute::run(&["-n", &self.name, "-batch", "-"], &commands).map(drop)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// The name of a site's namespace: says which process it belongs to.
pub(crate) fn name(owner: u32, network: u32, site: &str) -> String {
    format!("{PREFIX}{owner}-{network}-{site}")
}

/// Moves the calling thread into a namespace.
pub(crate) fn enter(name: &str) -> io::Result<()> {
    let namespace = File::open(Path::new(FOLDER).join(name))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}

/// Refuses a machine without TUN devices.
pub(crate) fn check_machine() -> Result<(), Error> {
    File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .map(drop)
        .map_err(|error| Error::Unavailable(format!("cannot open /dev/net/tun: {error}")))
}

/// Removes the namespaces of processes that no longer exist.
pub(crate) fn remove_leftovers() {
    let Ok(entries) = fs::read_dir(FOLDER) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some(owner) = owner(name) else { continue };
        if !Path::new("/proc").join(owner.to_string()).exists() {
            remove(name);
        }
    }
}

fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

/// Best effort: what remains does not disturb other networks, and the next one tries again.
fn remove(name: &str) {
    let processes = iproute::run(&["netns", "pids", name], "").unwrap_or_default();
    let processes = processes.split_whitespace().filter_map(|id| id.parse().ok());
    for id in processes.filter(|id| u32::try_from(*id) != Ok(process::id())).filter_map(Pid::from_raw) {
        let _ = kill_process(id, Signal::KILL);
    }
    let _ = iproute::run(&["netns", "delete", name], "");
    let _ = fs::remove_dir_all(Path::new(FILES).join(name));
}
