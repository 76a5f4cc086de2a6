//! Datagrams that the kernel dropped because a socket's buffer was full.
//!
//! Linux could say so with every datagram (`SO_RXQ_OVFL`), but nix does not restore the length of the control buffer
//! between two calls of `recvmmsg`, so that nothing would arrive after the first one. The table of sockets says the same.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use socket2::Socket;

use crate::daemon::causes::{Cause, Causes};

/// The sockets that are watched, and what is known of them.
#[derive(Debug)]
pub(super) struct KernelDrops {
    causes: Arc<Causes>,
    /// Kept open, so that what was dropped can be read after the threads are done.
    sockets: Vec<Arc<Socket>>,
    inodes: BTreeSet<u64>,
    counted: u64,
}

impl KernelDrops {
    pub(super) fn new(causes: Arc<Causes>) -> Self {
        Self { causes, sockets: Vec::new(), inodes: BTreeSet::new(), counted: 0 }
    }

    pub(super) fn watch(&mut self, socket: &Arc<Socket>) {
        self.inodes.extend(inode(socket));
        self.sockets.push(Arc::clone(socket));
    }

    /// Counts what was dropped since the last call, if the system tells.
    pub(super) fn count(&mut self) -> bool {
        let tables = ["/proc/net/udp", "/proc/net/udp6"].map(fs::read_to_string);
        let found = tables.iter().flatten().map(|table| dropped(table, &self.inodes));
        let (sockets, drops) = found.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        self.causes.add(Cause::KernelDrops, drops.saturating_sub(self.counted));
        self.counted = self.counted.max(drops);
        sockets == self.sockets.len()
    }
}

fn inode(socket: &Socket) -> Option<u64> {
    let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// How many of the sockets are in the table, and what was dropped by all of them.
fn dropped(table: &str, inodes: &BTreeSet<u64>) -> (usize, u64) {
    const INODE: usize = 9;
    const DROPS: usize = 12;
    let drops = table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let inode = columns.nth(INODE)?.parse().ok()?;
        let drops: u64 = columns.nth(DROPS - INODE - 1)?.parse().ok()?;
        inodes.contains(&inode).then_some(drops)
    });
    drops.fold((0, 0), |(sockets, all), drops| (sockets + 1, all + drops))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_sockets_is_read() {
        let table = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1106: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 17 2 00000000 5
 1107: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 18 2 00000000 7
 1108: 0100007F:1FBE 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 19 2 00000000 90
 cut off";
        assert_eq!(dropped(table, &BTreeSet::from([17, 18, 4])), (2, 12));
        assert_eq!(dropped("", &BTreeSet::from([17])), (0, 0));
    }
}
