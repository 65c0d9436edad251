//! The API as a native program: the example of `entra-obo`, or another with the same settings.

use std::path::Path;

use emulated_tenant::Tenant;
use tokio::process::Command;

use crate::bound_command::bound_command;

/// The command that serves by `program`, for `tenant`. The server ends when its standard input does.
pub fn native_server(program: &Path, tenant: &Tenant) -> Command {
    let mut command = bound_command(program);
    command
        .env("TENANT_ID", tenant.tenant_id())
        .env("CLIENT_ID", tenant.client_id())
        .env("CLIENT_SECRET", tenant.client_secret())
        .env("AUTHORITY_HOST", tenant.authority_url())
        .env("GRAPH_URL", tenant.graph_url())
        .env("ADDRESS", "127.0.0.1:0")
        .env("NO_PROXY", "*");
    command
}
