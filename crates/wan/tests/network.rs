//! What programs see of an emulated network. Skipped, with the reason on standard error, where there can be none.
//!
//! Nothing arrives early, so lower bounds hold for every try. A busy machine makes everything late: upper bounds hold for the
//! best of several tries.
#![cfg(test)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use wan::{Error, Link, Site, Statistics, Wan};

const TRIES: usize = 5;
const MEGABYTE: usize = 1 << 20;

/// Bypasses the test runner, which hides what passing tests print.
fn report(line: &str) {
    writeln!(io::stderr(), "{line}").unwrap();
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn new_wan<const N: usize>(names: [&str; N], rtt: Duration, loss: f64) -> Option<(Wan, [Site; N])> {
    match Wan::new(names, Link { rtt, loss }) {
        Ok(wan) => Some(wan),
        Err(Error::Unavailable(reason)) => {
            report(&format!("skipped {}: {reason}", thread::current().name().unwrap_or_default()));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Serves each connection at `site`, on a thread that ends with the test.
fn serve(site: &Site, answer: fn(TcpStream) -> io::Result<()>) -> SocketAddr {
    let listener = site.run(|| TcpListener::bind((site.address(), 0)).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            thread::spawn(move || answer(connection.unwrap()));
        }
    });
    address
}

/// Sends a megabyte for each byte.
fn send_megabytes(mut connection: TcpStream) -> io::Result<()> {
    let mut request = [0];
    while connection.read(&mut request)? == 1 {
        connection.write_all(&vec![request[0]; MEGABYTE])?;
    }
    Ok(())
}

fn receive_megabyte(connection: &mut TcpStream) {
    connection.write_all(b"x").unwrap();
    let mut received = vec![0; MEGABYTE];
    connection.read_exact(&mut received).unwrap();
    assert!(received.iter().all(|byte| *byte == b'x'), "every byte arrives, unchanged and in order");
}

fn echo(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut byte = [0];
    while connection.read(&mut byte)? == 1 {
        connection.write_all(&byte)?;
    }
    Ok(())
}

fn answer_http(mut connection: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        request.extend(byte);
    }
    connection.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn assert_takes_round_trips(count: u32, rtt: Duration, what: &str, work: impl Fn()) {
    let tries = [(); TRIES].map(|()| timed(&work));
    let (best, round_trips) = (tries.iter().min().unwrap(), rtt * count);
    assert!(*best >= round_trips, "{what} takes at least {round_trips:?}, but took {tries:?}");
    assert!(*best < round_trips + rtt, "{what} takes {count} round trips of {rtt:?}, but took {tries:?}");
}

#[test]
fn a_connection_takes_one_round_trip_and_a_request_on_it_another() {
    let Some((wan, [baker, near, far])) = new_wan(["baker", "near", "far"], ms(80), 0.0) else { return };
    let check = |server: &Site, address: SocketAddr, rtt: Duration| {
        let connect = || baker.run(|| TcpStream::connect(address).unwrap()).unwrap();
        assert_takes_round_trips(1, rtt, &format!("a connection to {}", server.name()), || drop(connect()));
        assert_takes_round_trips(2, rtt, &format!("HTTP to {}", server.name()), || {
            let mut connection = connect();
            connection.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        });
    };
    let (near_server, far_server) = (serve(&near, answer_http), serve(&far, answer_http));
    wan.set_rtt(&far, &baker, ms(200));
    check(&near, near_server, ms(80));
    check(&far, far_server, ms(200));
    wan.set_rtt(&baker, &near, ms(120));
    check(&near, near_server, ms(120));
}

#[test]
fn programs_find_sites_by_their_host_names() {
    let Some((_wan, [near, far])) = new_wan(["near", "far"], ms(1), 0.0) else { return };
    let port = serve(&far, answer_http).port();
    // bash resolves names with the C library.
    let connect = format!("exec 3<>/dev/tcp/{}/{port}; printf 'GET / HTTP/1.1\r\n\r\n' >&3; head -1 <&3", far.host());
    let output = near.command("bash").args(["-c", &connect]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("204"), "{output:?}");
}

#[test]
fn a_transfer_starts_slowly_on_a_new_connection() {
    let rtt = ms(50);
    let Some((_wan, [near, far])) = new_wan(["near", "far"], rtt, 0.0) else { return };
    let server = serve(&far, send_megabytes);
    let (mut new, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..TRIES {
        let mut connection = near.run(|| TcpStream::connect(server).unwrap()).unwrap();
        new.push(timed(|| receive_megabyte(&mut connection)));
        warm.push(timed(|| receive_megabyte(&mut connection)));
    }
    let (new, warm) = (new.into_iter().min().unwrap(), warm.into_iter().min().unwrap());
    report(&format!("1 MiB at a round trip of {rtt:?}: {new:?} over a new connection, {warm:?} over a warm one"));
    // From ten segments, with at most twice as many in each round trip: 70 kB after three, 1 MiB after seven.
    assert!(new >= 5 * rtt, "took {new:?}");
    assert!(warm < new, "{warm:?} over a warm connection, {new:?} over a new one");
}

#[test]
fn lost_packets_are_sent_again() {
    let Some((wan, [near, far])) = new_wan(["near", "far"], ms(10), 0.0) else { return };
    let server = serve(&far, send_megabytes);
    let mut connection = near.run(|| TcpStream::connect(server).unwrap()).unwrap();
    receive_megabyte(&mut connection);
    assert_eq!(wan.statistics().lost, 0);

    let before = retransmitted_segments(&far);
    wan.set_loss(&near, &far, 0.05).unwrap();
    receive_megabyte(&mut connection);
    let (lost, again) = (wan.statistics().lost, retransmitted_segments(&far) - before);
    report(&format!("5 % loss: {lost} packets lost, {again} segments retransmitted"));
    assert!(lost > 0 && again > 0, "{lost} packets lost, {again} segments retransmitted");
}

/// By the kernel of a site, since it was created.
fn retransmitted_segments(site: &Site) -> u64 {
    // Not /proc/net, which shows the network of the process' first thread.
    let table = site.run(|| std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap()).unwrap();
    let mut rows = table.lines().filter(|line| line.starts_with("Tcp:")).map(str::split_whitespace);
    let mut columns = rows.next().unwrap().zip(rows.next().unwrap());
    columns.find(|(name, _)| *name == "RetransSegs").unwrap().1.parse().unwrap()
}

#[test]
fn nothing_passes_a_blackhole_until_it_is_restored() {
    let rtt = ms(10);
    let Some((wan, [baker, near, far])) = new_wan(["baker", "near", "far"], rtt, 0.0) else { return };
    let (near_server, far_server) = (serve(&near, echo), serve(&far, echo));
    let connect = |server| baker.run(|| TcpStream::connect(server)).unwrap();
    let mut open = connect(far_server).unwrap();

    wan.blackhole(&far);
    open.write_all(b"x").unwrap();
    let attempt = baker.run(|| TcpStream::connect_timeout(&far_server, Duration::from_secs(1))).unwrap();
    assert_eq!(attempt.unwrap_err().kind(), ErrorKind::TimedOut);
    let mut byte = [0];
    open.set_nonblocking(true).unwrap();
    assert_eq!(open.read(&mut byte).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(wan.statistics().blackholed > 1, "{:?}", wan.statistics());
    connect(near_server).expect("the other site is reachable");

    wan.restore(&far);
    open.set_nonblocking(false).unwrap();
    open.read_exact(&mut byte).expect("the kernel sends again what the blackhole dropped");
    assert_eq!(byte, *b"x");
}

#[test]
fn a_blackhole_drops_what_is_under_way() {
    let Some((wan, [baker, near, far])) = new_wan(["baker", "near", "far"], ms(0), 0.0) else { return };
    wan.set_rtt(&baker, &far, ms(6000));
    let socket = |site: &Site| site.run(|| UdpSocket::bind((site.address(), 9)).unwrap()).unwrap();
    let [sender, at_near, at_far] = [&baker, &near, &far].map(socket);
    sender.send_to(b"x", at_far.local_addr().unwrap()).unwrap();
    sender.send_to(b"y", at_near.local_addr().unwrap()).unwrap();
    // A site's packets leave in order.
    at_near.recv(&mut [0]).unwrap();

    wan.blackhole(&far);
    wait_until("the packet is dropped", || wan.statistics().blackholed == 1);
    at_far.set_nonblocking(true).unwrap();
    assert_eq!(at_far.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn packets_are_never_early_and_the_lateness_is_known() {
    let Some((wan, [near, far])) = new_wan(["near", "far"], ms(1), 0.0) else { return };
    let mut connection = near.run(|| TcpStream::connect(serve(&far, echo)).unwrap()).unwrap();
    connection.set_nodelay(true).unwrap();
    for rtt in [1, 20, 80].map(ms) {
        wan.set_rtt(&near, &far, rtt);
        let mut round_trips: Vec<_> = (0..40)
            .map(|_| {
                timed(|| {
                    connection.write_all(b"x").unwrap();
                    connection.read_exact(&mut [0]).unwrap();
                })
            })
            .collect();
        round_trips.sort();
        let error = |index: usize| round_trips[index].saturating_sub(rtt);
        report(&format!(
            "round trip of {rtt:?}: late by {:?} at best, {:?} (p50), {:?} (p95)",
            error(0),
            error(20),
            error(38)
        ));
        assert!(round_trips[0] >= rtt, "a round trip of {rtt:?} took {:?}", round_trips[0]);
    }
    let statistics = wan.statistics();
    report(&format!("{statistics:?}"));
    let Statistics { delivered, mean_lateness, max_lateness, .. } = statistics;
    assert!(
        delivered > 3 * 2 * 40 && mean_lateness > Duration::ZERO && mean_lateness <= max_lateness,
        "{statistics:?}"
    );
}

#[test]
fn sites_end_with_their_network_and_those_of_a_killed_process_with_the_next_network() {
    let exists = |namespace: &str| Path::new("/run/netns").join(namespace).exists();
    let Some((wan, [near])) = new_wan(["near"], ms(1), 0.0) else { return };
    let mut child = near.command("sleep").arg("3600").spawn().unwrap();
    wait_until_it_runs(child.id(), "sleep");
    assert!(exists(near.namespace()));
    drop(wan);
    assert!(!exists(near.namespace()) && !Path::new("/etc/netns").join(near.namespace()).exists());
    assert!(!child.wait().unwrap().success(), "the process at the site was killed");
    assert!(near.run(|| ()).is_err());

    let mut owner = Command::new("sleep").arg("3600").spawn().unwrap();
    let left_behind = near.namespace().replace(&std::process::id().to_string(), &owner.id().to_string());
    assert!(Command::new("ip").args(["netns", "add", &left_behind]).status().unwrap().success());
    let mut orphan = Command::new("ip").args(["netns", "exec", &left_behind, "sleep", "3600"]).spawn().unwrap();
    wait_until_it_runs(orphan.id(), "sleep");
    drop(new_wan(["near"], ms(1), 0.0).unwrap());
    assert!(exists(&left_behind), "its owner is alive");

    owner.kill().unwrap();
    owner.wait().unwrap();
    drop(new_wan(["near"], ms(1), 0.0).unwrap());
    assert!(!exists(&left_behind));
    assert!(!orphan.wait().unwrap().success(), "the process of the killed one was killed");
}

/// Once it is no longer `ip`, it is in its namespace.
fn wait_until_it_runs(process: u32, program: &str) {
    let name = || std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap();
    wait_until(&format!("{program} runs"), || name().trim() == program);
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "not after a minute: {what}");
        thread::sleep(ms(1));
    }
}

#[test]
fn impossible_networks_are_refused() {
    let link = |loss| Link { rtt: ms(1), loss };
    for loss in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(Wan::new(["near"], link(loss)), Err(Error::Loss(_))), "{loss}");
    }
    for names in [["near", "near"], ["near", ""], ["near", "../far"]] {
        match Wan::new(names, link(0.0)) {
            Err(Error::SiteName(name)) => assert_eq!(name, names[1]),
            other => panic!("{names:?}: {other:?}"),
        }
    }
}
