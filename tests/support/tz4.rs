//! The tz4 account of Octez' tests.

pub(crate) const SECRET_KEY: &str = "BLsk1hKAHyGqY9qRbgoSVnjiSmDWpKGjFF3WNQ7BaiaMUA6RMA6Pfq";
pub(crate) const ADDRESS: &str = "tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn";
