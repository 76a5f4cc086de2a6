//! The file of a Unix socket: made for everyone to write to, and removed in the end.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use socket2::{SockAddr, Socket};

use super::ReceiveError;
use crate::daemon::address::Address;

/// What the Agent gives its socket: everyone may send, nobody else may do more.
const MODE: u32 = 0o722;

/// Removes the file when dropped, unless another has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // Nobody is left to tell of a failure.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

/// Binds the socket to the path. A file that a process left behind is removed, one that serves another is not.
pub(super) fn bind(
    address: &Address,
    path: &Path,
    socket: io::Result<Socket>,
) -> Result<(Socket, SocketFile), ReceiveError> {
    let failed = |error| ReceiveError::Listen { address: address.clone(), error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(data) if !data.file_type().is_socket() => return Err(ReceiveError::NotASocket(path.to_owned())),
        Ok(_) if is_served(path).map_err(failed)? => return Err(ReceiveError::InUse(address.clone())),
        Ok(_) => fs::remove_file(path).map_err(failed)?,
    }
    let socket = socket.map_err(failed)?;
    socket.bind(&SockAddr::unix(path).map_err(failed)?).map_err(failed)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path) };
    fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(failed)?;
    Ok((socket, file))
}

/// Whether a process listens, with datagrams or as a stream: nobody does only if a connection is refused.
fn is_served(path: &Path) -> io::Result<bool> {
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(false),
        _ => Ok(true),
    }
}
