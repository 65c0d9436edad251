//! Control of a running embedded host: the clock of its components, and their memory.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::timeout,
};

/// A response takes the host no time; the machine may be busy.
const LIMIT: Duration = Duration::from_secs(10);

/// The linear memory of all instances of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Memory {
    /// The current number of instances.
    pub instances: usize,
    /// Their current memory in bytes.
    pub bytes: usize,
    /// The highest memory of one instance so far, in bytes.
    pub largest_instance: usize,
}

/// Controls one host. Clones control the same.
#[derive(Clone, Debug)]
pub struct Control(Arc<TempDir>);

#[derive(Serialize)]
struct Order {
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_ahead: Option<i64>,
}

impl Control {
    /// For a host that is about to be started with this [`Self::socket`].
    ///
    /// # Errors
    /// If no temporary folder can be made. The run's own folder may have too long a name for a socket in it.
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Arc::new(tempfile::tempdir().context("no temporary folder can be made")?)))
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.0.path().join("control")
    }

    /// Makes the components' clock differ from this machine's; negative values are behind it.
    ///
    /// # Errors
    /// If the host does not respond.
    pub async fn set_clock_ahead(&self, seconds: i64) -> Result<()> {
        self.send(Order { seconds_ahead: Some(seconds) }).await?;
        Ok(())
    }

    /// Measures the memory of all instances.
    ///
    /// # Errors
    /// If the host does not respond.
    pub async fn memory(&self) -> Result<Memory> {
        self.send(Order { seconds_ahead: None }).await
    }

    async fn send(&self, order: Order) -> Result<Memory> {
        let exchange = async {
            let mut stream = UnixStream::connect(self.socket()).await?;
            let mut line = serde_json::to_vec(&order)?;
            line.push(b'\n');
            stream.write_all(&line).await?;
            let mut response = String::new();
            BufReader::new(stream).read_line(&mut response).await?;
            Ok::<_, anyhow::Error>(serde_json::from_str(&response)?)
        };
        timeout(LIMIT, exchange).await.map_err(Into::into).flatten().context("the embedded host cannot be controlled")
    }
}
