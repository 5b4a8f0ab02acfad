//! The endpoints of the API: which call a method and a path are.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::answer::Refusal;

/// The path of the API ("Endpoint" of the API document).
pub(crate) const BASE_PATH: &str = "/rest/v1/";

/// What stands for a thread id in the path of an endpoint.
const THREAD_ID: &str = ":threadId";

/// What can be called. The string is the thread id.
pub(crate) enum Call {
    Send(String),
    CreateThread,
    History(String),
    Threads,
    BusinessHours,
    Pause(String),
    Resume(String),
    BotStatus(String),
    Handover(String),
    Takeover(String),
    Resolve(String),
    TriggerEvents,
    Trigger(String),
    Broadcast,
    BroadcastToSegments,
    Segments,
}

/// One way to call an endpoint: its method, and the call it is with a thread id (empty where there is none).
type Way = (Method, fn(String) -> Call);

/// Every endpoint by its path.
static ENDPOINTS: &[(&str, &[Way])] = &[
    ("messages", &[(Method::POST, |_| Call::CreateThread)]),
    (
        "messages/:threadId",
        &[(Method::GET, Call::History), (Method::POST, Call::Send)],
    ),
    ("threads", &[(Method::GET, |_| Call::Threads)]),
    ("businesshours", &[(Method::GET, |_| Call::BusinessHours)]),
    (
        "pause/:threadId",
        &[
            (Method::DELETE, Call::Resume),
            (Method::GET, Call::BotStatus),
            (Method::POST, Call::Pause),
        ],
    ),
    ("handover/:threadId", &[(Method::POST, Call::Handover)]),
    ("takeover/:threadId", &[(Method::POST, Call::Takeover)]),
    ("resolve/:threadId", &[(Method::POST, Call::Resolve)]),
    ("trigger/event", &[(Method::GET, |_| Call::TriggerEvents)]),
    ("trigger/event/:threadId", &[(Method::POST, Call::Trigger)]),
    ("broadcast/instant", &[(Method::POST, |_| Call::Broadcast)]),
    (
        "broadcast/instant/segment",
        &[(Method::POST, |_| Call::BroadcastToSegments)],
    ),
    ("broadcast/segments", &[(Method::GET, |_| Call::Segments)]),
];

/// The call that a method and a path are.
pub(crate) fn find(method: &Method, path: &str) -> Result<Call, Refusal> {
    let path = path.strip_prefix(BASE_PATH).ok_or_else(Refusal::not_found)?;
    let found = ENDPOINTS
        .iter()
        .find_map(|(pattern, ways)| Some((matched(pattern, path)?, ways)));
    let (segment, ways) = found.ok_or_else(Refusal::not_found)?;
    let thread_id = segment.map_or(Ok(String::new()), thread_id)?;
    match ways.iter().find(|(known, _)| known == method) {
        Some((_, call)) => Ok(call(thread_id)),
        None => {
            let methods: Vec<&str> = ways.iter().map(|(method, _)| method.as_str()).collect();
            Err(Refusal::method_not_allowed(methods.join(", ")))
        }
    }
}

/// Whether a path is of that pattern, and the segment in the place of the thread id.
fn matched<'a>(pattern: &str, path: &'a str) -> Option<Option<&'a str>> {
    let mut thread_id = None;
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if expected == THREAD_ID {
            thread_id = Some(segment);
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(thread_id)
}

/// A thread id is exactly one segment, whatever it decodes to; dots would name another path.
fn thread_id(segment: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Refusal::bad_request("The thread id is not UTF-8"))?;
    match decoded.as_ref() {
        "" | "." | ".." => Err(Refusal::not_found()),
        id => Ok(id.to_owned()),
    }
}
