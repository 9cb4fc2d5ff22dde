//! The loop that carries packets from site to site: one thread reads them, another delivers each when it is due.

use crate::network::{Fate, Network, Route};
use crate::{Error, Site, namespace};
use rustix::process::setpriority_process;
use rustix::thread::{gettid, set_current_timer_slack};
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::num::NonZeroU64;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_tun::{Tun, TunBuilder};

/// The name of the device at each site.
pub(crate) const DEVICE: &str = "wan";
const MAX_PACKET_BYTES: usize = 65_535;

/// What has happened to packets since the network was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Packets that reached their site.
    pub delivered: u64,
    /// Packets that a link lost.
    pub lost: u64,
    /// Packets dropped because a site was unreachable.
    pub blackholed: u64,
    /// The average time by which packets were delivered late, because this process did not run earlier.
    pub mean_lateness: Duration,
    /// The longest time by which a packet was delivered late.
    pub max_lateness: Duration,
}

/// The two threads. Dropping it ends them and closes the devices.
#[derive(Debug)]
pub(crate) struct Emulator {
    counters: Arc<Counters>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counters {
    delivered: AtomicU64,
    lost: AtomicU64,
    blackholed: AtomicU64,
    lateness_nanoseconds: AtomicU64,
    max_lateness_nanoseconds: AtomicU64,
}

type Devices = HashMap<Ipv4Addr, Arc<Tun>>;

struct Packet {
    due: Instant,
    route: Route,
    bytes: Vec<u8>,
}

impl Emulator {
    /// Creates a device at each site, whose namespaces must exist, and carries packets between them.
    pub(crate) fn start(sites: &[Site], network: &Arc<Network>) -> Result<Self, Error> {
        let mut emulator = Self { counters: Arc::default(), stop: None, threads: Vec::new() };
        let (stop, stopped) = oneshot::channel();
        let (opened, devices) = mpsc::channel();
        let (sender, packets) = mpsc::channel();
        let reader = Reader {
            sites: sites.iter().map(|site| (site.namespace().to_owned(), site.address())).collect(),
            network: Arc::clone(network),
            counters: Arc::clone(&emulator.counters),
            sender,
        };
        emulator.spawn("wan-reader", move || reader.run(&opened, stopped))?;
        emulator.stop = Some(stop);
        let devices =
            devices.recv().unwrap_or_else(|_| Err(Error::Unavailable("the reading thread ended".to_owned())))?;

        let (network, counters) = (Arc::clone(network), Arc::clone(&emulator.counters));
        emulator.spawn("wan-delivery", move || deliver(&packets, &devices, &network, &counters))?;
        Ok(emulator)
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let delivered = value(&self.counters.delivered);
        let lateness = value(&self.counters.lateness_nanoseconds).checked_div(delivered).unwrap_or(0);
        Statistics {
            delivered,
            lost: value(&self.counters.lost),
            blackholed: value(&self.counters.blackholed),
            mean_lateness: Duration::from_nanos(lateness),
            max_lateness: Duration::from_nanos(value(&self.counters.max_lateness_nanoseconds)),
        }
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let work = move || {
            run_punctually();
            work();
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(thread.map_err(|source| Error::System { action: "start a thread", source })?);
        Ok(())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Reads what sites send.
struct Reader {
    sites: Vec<(String, Ipv4Addr)>,
    network: Arc<Network>,
    counters: Arc<Counters>,
    sender: Sender<Packet>,
}

impl Reader {
    /// Reports the devices, then reads until `stopped`.
    fn run(self, opened: &Sender<Result<Devices, Error>>, stopped: oneshot::Receiver<()>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().build() {
            Ok(runtime) => runtime,
            Err(source) => {
                let _ = opened.send(Err(Error::System { action: "start the event loop", source }));
                return;
            }
        };
        let _entered = runtime.enter();
        let devices = match self.open_devices() {
            Ok(devices) => devices,
            Err(error) => {
                let _ = opened.send(Err(error));
                return;
            }
        };
        for (address, device) in &devices {
            let (device, network) = (Arc::clone(device), Arc::clone(&self.network));
            let (counters, sender) = (Arc::clone(&self.counters), self.sender.clone());
            // The same draws in each run, others at each site.
            let draws = fastrand::Rng::with_seed(u64::from(address.to_bits()));
            runtime.spawn(async move { read(&device, draws, &network, &counters, &sender).await });
        }
        if opened.send(Ok(devices)).is_ok() {
            let _ = runtime.block_on(stopped);
        }
    }

    fn open_devices(&self) -> Result<Devices, Error> {
        let mut devices = Devices::new();
        for (namespace, address) in &self.sites {
            // A device belongs to the namespace of the thread that creates it. This thread needs no other network.
            namespace::enter(namespace).map_err(|error| Error::of_system("enter a network namespace", error))?;
            let built = TunBuilder::new().name(DEVICE).build();
            let built = built.map_err(|error| Error::Unavailable(format!("cannot create a TUN device: {error}")))?;
            devices.extend(built.into_iter().map(|device| (*address, Arc::new(device))));
        }
        Ok(devices)
    }
}

/// Makes this thread run as soon as its timers fire, also on a busy machine. Where that is not possible, packets are late, and
/// [`Statistics`] show it.
fn run_punctually() {
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let _ = setpriority_process(None, -20);
    // The system call itself has no safe wrapper.
    let thread = gettid().as_raw_nonzero().to_string();
    let _ = Command::new("chrt")
        .args(["--fifo", "--pid", "1", &thread])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

async fn read(device: &Tun, mut draws: fastrand::Rng, network: &Network, counters: &Counters, sender: &Sender<Packet>) {
    let mut buffer = vec![0; MAX_PACKET_BYTES];
    // An error is final: the device is gone.
    while let Ok(length) = device.recv(&mut buffer).await {
        let sent = Instant::now();
        let Some(bytes) = buffer.get(..length) else { continue };
        let Some(route) = Route::of(bytes) else { continue };
        match network.fate(route, draws.f64()) {
            Fate::Arrives { after } => {
                if sender.send(Packet { due: sent + after, route, bytes: bytes.to_vec() }).is_err() {
                    return;
                }
            }
            Fate::Lost => count(&counters.lost),
            Fate::Blackholed => count(&counters.blackholed),
        }
    }
}

/// Delivers packets when they are due, until nothing sends any more.
fn deliver(packets: &Receiver<Packet>, devices: &Devices, network: &Network, counters: &Counters) {
    let mut waiting = BTreeMap::new();
    let mut sequence = 0_u64;
    loop {
        let next = match waiting.first_key_value() {
            None => packets.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(((due, _), _)) => packets.recv_timeout(Instant::saturating_duration_since(due, Instant::now())),
        };
        match next {
            Ok(packet) => {
                sequence += 1;
                waiting.insert((packet.due, sequence), packet);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Some(first) = waiting.first_entry()
            && first.get().due <= Instant::now()
        {
            let packet = first.remove();
            if !network.is_open(packet.route) {
                count(&counters.blackholed);
            } else if let Some(device) = devices.get(&packet.route.to) {
                // A site without room for more drops the packet, as a router would.
                if device.try_send(&packet.bytes).is_ok() {
                    counters.add_delivered(packet.due.elapsed());
                }
            }
        }
    }
}

impl Counters {
    fn add_delivered(&self, lateness: Duration) {
        let nanoseconds = u64::try_from(lateness.as_nanos()).unwrap_or(u64::MAX);
        count(&self.delivered);
        self.lateness_nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        self.max_lateness_nanoseconds.fetch_max(nanoseconds, Ordering::Relaxed);
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
