//! Error responses as Cosmos DB words them.

use crate::answers::{Answer, json, with_header};
use crate::faults::Failure;
use crate::random;
use hyper::header::HeaderName;
use serde_json::json;

const SUB_STATUS: HeaderName = HeaderName::from_static("x-ms-substatus");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("x-ms-retry-after-ms");
const ACTIVITY_ID: HeaderName = HeaderName::from_static("x-ms-activity-id");
const REQUEST_CHARGE: HeaderName = HeaderName::from_static("x-ms-request-charge");

/// Sub-status of a 403 for a missing role.
const MISSING_PERMISSION: u32 = 5300;

fn error(status: u16, sub_status: Option<u32>, code: &str, message: &str) -> Answer {
    let activity = random::identifier();
    let message = format!("{message}\r\nActivityId: {activity}, Microsoft.Azure.Documents.Common/2.14.0");
    let answer = json(status, &json!({ "code": code, "message": message }));
    let answer = with_header(with_header(answer, ACTIVITY_ID, activity), REQUEST_CHARGE, "0");
    match sub_status {
        Some(sub_status) => with_header(answer, SUB_STATUS, sub_status.to_string()),
        None => answer,
    }
}

pub(super) fn unauthorized() -> Answer {
    let message = "The input authorization token can't serve the request. The token is missing, has expired, or was not \
                   issued for this account.";
    error(401, None, "Unauthorized", message)
}

pub(super) fn forbidden(action: &str, resource: &str) -> Answer {
    let message = format!(
        "Request blocked by Auth stand-in : Request is blocked because principal [00000000-0000-0000-0000-000000000000] \
         does not have required RBAC permissions to perform action [{action}] on resource [{resource}]. Learn more: \
         https://aka.ms/cosmos-native-rbac."
    );
    error(403, Some(MISSING_PERMISSION), "Forbidden", &message)
}

pub(super) fn cannot_serve(why: &str) -> Answer {
    error(500, None, "InternalServerError", why)
}

pub(super) fn failure(failure: Failure) -> Answer {
    let (code, message) = match failure.status {
        400 => ("BadRequest", "One of the input values is invalid."),
        401 => ("Unauthorized", "The input authorization token can't serve the request."),
        403 => ("Forbidden", "The request is forbidden."),
        404 => ("NotFound", "Resource Not Found."),
        408 => ("RequestTimeout", "The request timed out."),
        410 => ("Gone", "The requested resource is no longer available at the server."),
        412 => ("PreconditionFailed", "One of the specified pre-condition is not met."),
        429 => ("429", "The request rate is large. More Request Units may be needed, so no changes were made."),
        449 => ("RetryWith", "Conflicting request to resource has been attempted. Retry to avoid conflicts."),
        503 => ("ServiceUnavailable", "Service is currently unavailable."),
        _ => ("InternalServerError", "An internal server error has occurred."),
    };
    let answer = error(failure.status, failure.sub_status, code, &format!("Message: {{\"Errors\":[\"{message}\"]}}"));
    match failure.retry_after {
        Some(after) => with_header(answer, RETRY_AFTER_MS, after.as_millis().to_string()),
        None => answer,
    }
}
