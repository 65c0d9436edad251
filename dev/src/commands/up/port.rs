//! The ports of `cargo dev up`.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
};

use anyhow::{Context, Result, anyhow};

/// The usual port of the API, or of the example that takes its place.
pub(super) const API_PORT: u16 = 3000;

/// A port that is free now, 0 for any.
pub(super) fn choose_port(requested: Option<u16>, usual: u16, option: &str) -> Result<u16> {
    let port = requested.unwrap_or(usual);
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(port),
        Err(_) if requested.is_none() => Ok(0),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Err(anyhow!("port {port} is taken: stop the program that listens there, or choose another {option}"))
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on port {port}: choose another {option}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_with_what_to_do() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = choose_port(Some(port), API_PORT, "--port").unwrap_err().to_string();
        assert_eq!(
            error,
            format!("port {port} is taken: stop the program that listens there, or choose another --port")
        );
        drop(taken);
        assert_eq!(choose_port(Some(port), API_PORT, "--port").unwrap(), port);
    }

    #[test]
    fn by_default_there_is_always_a_port() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let usual = taken.local_addr().unwrap().port();
        assert_eq!(choose_port(None, usual, "--port").unwrap(), 0);
        drop(taken);
        assert_eq!(choose_port(None, usual, "--port").unwrap(), usual);
    }
}
