//! The properties of a Graph user that are emulated: <https://learn.microsoft.com/graph/api/resources/user>.

/// Those of a response without `$select`.
pub(crate) const DEFAULT_PROPERTIES: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

/// Further ones, which can be selected.
const FURTHER_PROPERTIES: [&str; 25] = [
    "accountEnabled",
    "ageGroup",
    "city",
    "companyName",
    "country",
    "createdDateTime",
    "creationType",
    "department",
    "employeeHireDate",
    "employeeId",
    "employeeType",
    "externalUserState",
    "faxNumber",
    "imAddresses",
    "legalAgeGroupClassification",
    "mailNickname",
    "onPremisesSyncEnabled",
    "otherMails",
    "postalCode",
    "proxyAddresses",
    "securityIdentifier",
    "state",
    "streetAddress",
    "usageLocation",
    "userType",
];

/// The property of this name, in any letter case.
pub(crate) fn find_property(name: &str) -> Option<&'static str> {
    all().find(|property| property.eq_ignore_ascii_case(name))
}

/// All names.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    DEFAULT_PROPERTIES.into_iter().chain(FURTHER_PROPERTIES)
}
