//! A port and its connections, which are counted, and can be frozen, retired, closed or refused.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// A port.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    accepted: AtomicU64,
    runtime: Handle,
    state: Mutex<PortState>,
}

#[derive(Debug)]
struct PortState {
    /// `None` while connections are refused.
    listener: Option<TcpListener>,
    /// Holds the port while connections are refused, so that no other program gets it.
    reservation: Option<TcpSocket>,
    accepting: Option<Waker>,
    open: Vec<Weak<Connection>>,
}

impl Port {
    /// Opens a port on loopback; 0 picks a free one. Must be called inside a runtime, which then serves the port.
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        Self::open_at(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// The same at any address of this machine.
    pub(crate) fn open_at(address: SocketAddr) -> io::Result<Self> {
        Self::of(listen(address)?)
    }

    /// The same with a socket that listens already, for example in another network namespace.
    pub(crate) fn of_listener(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::of(TcpListener::from_std(listener)?)
    }

    fn of(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let state = PortState { listener: Some(listener), reservation: None, accepting: None, open: Vec::new() };
        Ok(Self { address, accepted: AtomicU64::new(0), runtime: Handle::current(), state: Mutex::new(state) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of connections accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Accepts the next connection.
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        let (stream, _) = std::future::poll_fn(|context| self.poll_accept(context)).await?;
        let number = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        stream.set_nodelay(true)?;
        let socket = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        let connection =
            Arc::new(Connection { number, socket, is_frozen: AtomicBool::new(false), retired: Notify::new() });
        let mut state = self.lock();
        state.open.retain(|connection| connection.strong_count() > 0);
        if state.listener.is_none() {
            // The port was closed in the meantime.
            connection.close();
        }
        state.open.push(Arc::downgrade(&connection));
        Ok(Stream { stream, connection })
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let mut state = self.lock();
        state.accepting = Some(context.waker().clone());
        match &state.listener {
            Some(listener) => listener.poll_accept(context),
            None => Poll::Pending,
        }
    }

    /// Freezes every open connection for good: nothing is read and nothing is sent, not even a FIN.
    pub(crate) fn freeze_connections(&self) {
        for connection in self.take_connections() {
            connection.is_frozen.store(true, Ordering::SeqCst);
        }
    }

    /// Ends every open connection once its requests are answered.
    pub(crate) fn retire_connections(&self) {
        for connection in self.lock().open.iter().filter_map(Weak::upgrade) {
            connection.retired.notify_one();
        }
    }

    /// Closes the port and all connections that are not frozen; or opens the same port again.
    pub(crate) fn refuse_connections(&self, refuse: bool) -> io::Result<()> {
        if refuse {
            let mut state = self.lock();
            if state.listener.take().is_some() {
                state.reservation = reserve(self.address).ok();
            }
            drop(state);
            for connection in self.take_connections() {
                connection.close();
            }
            return Ok(());
        }
        let mut state = self.lock();
        if state.listener.is_none() {
            let _inside = self.runtime.enter();
            state.reservation = None;
            state.listener = Some(listen(self.address)?);
            if let Some(accepting) = state.accepting.take() {
                accepting.wake();
            }
        }
        Ok(())
    }

    fn take_connections(&self) -> Vec<Arc<Connection>> {
        std::mem::take(&mut self.lock().open).iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, PortState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of the connection that a request came over, in its extensions: 1 for the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionNumber(pub u64);

/// Binds a port without listening: the system refuses connections to it.
fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// A handle to a connection, for those that neither read from it nor write to it.
#[derive(Debug)]
pub(crate) struct Connection {
    /// 1 for the first one of its port.
    pub(crate) number: u64,
    /// Notified when it is to end once its requests are answered.
    pub(crate) retired: Notify,
    /// Shares the stream's socket.
    socket: std::net::TcpStream,
    is_frozen: AtomicBool,
}

impl Connection {
    /// Closes both directions, without a TLS or HTTP shutdown.
    pub(crate) fn close(&self) {
        // The peer may have closed it already.
        drop(self.socket.shutdown(Shutdown::Both));
    }
}

/// A connection that makes no progress once it is frozen.
#[derive(Debug)]
pub(crate) struct Stream {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Stream {
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    fn unless_frozen<T>(
        mut self: Pin<&mut Self>,
        poll: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.connection.is_frozen.load(Ordering::SeqCst) { Poll::Pending } else { poll(Pin::new(&mut self.stream)) }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.unless_frozen(|stream| stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.unless_frozen(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unless_frozen(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unless_frozen(|stream| stream.poll_shutdown(context))
    }
}
