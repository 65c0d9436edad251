//! An app registration, found and created by its unique name:
//! <https://learn.microsoft.com/graph/api/application-upsert>.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::{
    difference,
    refusal::{self, Purpose},
    session::{Change, Service},
};

/// An app registration as it is now, or as it will be after a dry run's changes.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) object_id: String,
    pub(crate) client_id: String,
    /// Whether this run created it, so that others do not see it at once.
    pub(crate) is_new: bool,
    /// What Graph says of it.
    pub(crate) properties: Value,
    /// Whether a dry run would create it: its ids are not ids then.
    is_planned: bool,
}

impl Application {
    /// The one with this unique name, if there is one.
    pub(crate) async fn find(graph: &Service<'_>, unique_name: &str) -> Result<Option<Self>> {
        let properties = graph.get(Purpose::Register, &by_name(unique_name)).await?;
        properties.map(|properties| Self::of(properties, false)).transpose()
    }

    /// The one with this unique name. If there is none, creates it with the properties `new`.
    pub(crate) async fn find_or_create(graph: &Service<'_>, unique_name: &str, new: &Value) -> Result<Self> {
        if let Some(application) = Self::find(graph, unique_name).await? {
            return Ok(application);
        }
        let create = Change {
            method: "PATCH",
            path: by_name(unique_name),
            creates_if_missing: true,
            body: Some(new.clone()),
            lines: difference::lines(&Value::Null, new),
            is_about_new: false,
        };
        let Some(response) = graph.try_change(Purpose::Register, &create).await? else {
            return Ok(Self {
                object_id: format!("<object id of {unique_name}>"),
                client_id: format!("<client id of {unique_name}>"),
                is_new: true,
                properties: new.clone(),
                is_planned: true,
            });
        };
        match response.status {
            200 | 201 => Self::of(response.body, true),
            // It existed, but was not visible yet.
            204 => Self::of(graph.get_new(Purpose::Register, &by_name(unique_name)).await?, true),
            400 if has_deleted_namesake(&response.body) => Self::restore(graph, unique_name).await,
            _ => Err(refusal::error(Purpose::Register, &format!("PATCH {}", create.path), &response)),
        }
    }

    /// Restores the one with this unique name from the deleted applications, which keep their names for 30 days.
    async fn restore(graph: &Service<'_>, unique_name: &str) -> Result<Self> {
        let deleted = find_deleted(graph, unique_name).await?.with_context(|| {
            format!(
                "another application has the unique name {unique_name}, but it is neither visible nor among the deleted \
                 ones: choose another --name"
            )
        })?;
        let restore = Change {
            method: "POST",
            path: format!("{DELETED}/{deleted}/restore"),
            lines: vec![format!("+ {unique_name}, which was deleted")],
            is_about_new: true,
            ..Change::default()
        };
        graph.change(Purpose::DeletedItems, restore).await?;
        Self::of(graph.get_new(Purpose::Register, &by_name(unique_name)).await?, true)
    }

    fn of(properties: Value, is_new: bool) -> Result<Self> {
        let text = |name: &str| {
            let value = properties.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
            value.with_context(|| format!("Microsoft Graph described an application without {name}"))
        };
        Ok(Self { object_id: text("id")?, client_id: text("appId")?, is_new, properties, is_planned: false })
    }

    /// Makes it have everything that `wanted` says, by at most one request.
    pub(crate) async fn ensure(&mut self, graph: &Service<'_>, wanted: &Value) -> Result<()> {
        let Some(body) = difference::patch(&self.properties, wanted) else { return Ok(()) };
        let change = Change {
            method: "PATCH",
            path: self.path(),
            lines: difference::lines(&self.properties, &body),
            body: Some(body),
            is_about_new: self.is_new,
            ..Change::default()
        };
        graph.change(Purpose::Register, change).await?;
        self.properties = difference::merged(&self.properties, wanted);
        Ok(())
    }

    /// Its address.
    pub(crate) fn path(&self) -> String {
        format!("/applications/{}", self.object_id)
    }

    /// Whether there is anything to ask Graph about it.
    pub(crate) fn exists(&self) -> bool {
        !self.is_planned
    }

    /// A list among its properties.
    pub(crate) fn list(&self, path: &[&str]) -> &[Value] {
        let value = path.iter().try_fold(&self.properties, |value, name| value.get(name));
        value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The addresses of deleted applications.
pub(super) const DELETED: &str = "/directory/deletedItems";

/// The object id of the deleted application with this unique name.
pub(crate) async fn find_deleted(graph: &Service<'_>, unique_name: &str) -> Result<Option<String>> {
    let path = format!("{DELETED}/microsoft.graph.application?$select=id,uniqueName");
    let deleted = graph.list(Purpose::DeletedItems, &path).await?;
    let namesake = deleted.iter().find(|it| it.get("uniqueName").and_then(Value::as_str) == Some(unique_name));
    Ok(namesake.and_then(|it| it.get("id")?.as_str()).map(ToOwned::to_owned))
}

fn by_name(unique_name: &str) -> String {
    format!("/applications(uniqueName='{unique_name}')")
}

/// Graph says so with "400 Bad Request" and names the property.
fn has_deleted_namesake(body: &Value) -> bool {
    let message = body.get("error").and_then(|error| error.get("message")?.as_str());
    message.is_some_and(|message| message.contains("uniqueName"))
}

/// Permissions of one resource, as an application needs them.
pub(crate) fn required_access(resource_client_id: &str, scope_ids: &[&str]) -> Value {
    let access: Vec<Value> =
        scope_ids.iter().map(|id| object([("id", (*id).into()), ("type", "Scope".into())])).collect();
    object([("resourceAppId", resource_client_id.into()), ("resourceAccess", access.into())])
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(Map::from_iter(members.map(|(name, value)| (name.to_owned(), value))))
}
