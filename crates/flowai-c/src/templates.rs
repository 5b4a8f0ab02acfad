//! Which templates there are.

use std::ffi::c_char;

use flowai::TemplateKind;

/// Which template a part of a reply is: one of FLOWAI_TEMPLATE_... . The numbers never change; later versions may add
/// some.
pub type flowai_template_kind = i32;

/// A template that this version does not know, or no template.
pub const FLOWAI_TEMPLATE_UNKNOWN: flowai_template_kind = 0;
/// A text.
pub const FLOWAI_TEMPLATE_TEXT: flowai_template_kind = 1;
/// An image.
pub const FLOWAI_TEMPLATE_IMAGE: flowai_template_kind = 2;
/// A video.
pub const FLOWAI_TEMPLATE_VIDEO: flowai_template_kind = 3;
/// A sound.
pub const FLOWAI_TEMPLATE_AUDIO: flowai_template_kind = 4;
/// A file.
pub const FLOWAI_TEMPLATE_FILE: flowai_template_kind = 5;
/// A place.
pub const FLOWAI_TEMPLATE_LOCATION: flowai_template_kind = 6;
/// A card.
pub const FLOWAI_TEMPLATE_CARD: flowai_template_kind = 7;
/// Several cards, side by side.
pub const FLOWAI_TEMPLATE_CAROUSEL: flowai_template_kind = 8;
/// Several rows, one below the other.
pub const FLOWAI_TEMPLATE_LIST: flowai_template_kind = 9;
/// A title with buttons.
pub const FLOWAI_TEMPLATE_BUTTONS: flowai_template_kind = 10;
/// A page that opens inside the conversation.
pub const FLOWAI_TEMPLATE_WEBVIEW: flowai_template_kind = 11;
/// The bot hands the conversation over to people.
pub const FLOWAI_TEMPLATE_HANDOVER: flowai_template_kind = 12;
/// A note for agents. The customer must not see it.
pub const FLOWAI_TEMPLATE_NOTE: flowai_template_kind = 13;
/// Whatever the makers of the bot and of the program agreed on.
pub const FLOWAI_TEMPLATE_CUSTOM: flowai_template_kind = 14;
/// An event that was triggered, in a history.
pub const FLOWAI_TEMPLATE_EVENT: flowai_template_kind = 15;
/// A message of the system.
pub const FLOWAI_TEMPLATE_SYSTEM_REPLY: flowai_template_kind = 16;
/// How urgent the conversation is to the agents.
pub const FLOWAI_TEMPLATE_KHOROS_PRIORITY: flowai_template_kind = 17;
/// A text of an agent.
pub const FLOWAI_TEMPLATE_AGENT_TEXT: flowai_template_kind = 18;
/// A template of one channel alone, such as "whatsapp_list": read its "payload".
pub const FLOWAI_TEMPLATE_CHANNEL: flowai_template_kind = 19;

/// The kinds of templates with a NUL at the end, as C needs them.
static NAMES: [&str; 20] = [
    "unknown\0",
    "text\0",
    "image\0",
    "video\0",
    "audio\0",
    "file\0",
    "location\0",
    "card\0",
    "carousel\0",
    "list\0",
    "buttons\0",
    "webview\0",
    "handover\0",
    "note\0",
    "custom\0",
    "event\0",
    "system_reply\0",
    "khoros_priority\0",
    "agent_text\0",
    "channel\0",
];

/// The name of a kind of template, such as "card", the same in every language.
///
/// @param kind  Any number.
/// @return      A string that lives for ever; "unknown" for FLOWAI_TEMPLATE_UNKNOWN and for a number that is none.
///              Never NULL.
/// @par Thread safety  Any thread; async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_template_name(kind: flowai_template_kind) -> *const c_char {
    let place = TemplateKind::ALL.iter().position(|known| known.code() == kind);
    let name = place.and_then(|place| NAMES.get(place));
    name.map_or("unknown\0", |name| *name).as_ptr().cast()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn every_kind_of_template_has_its_constant_and_name() {
        let source = include_str!("templates.rs");
        let constants: Vec<(String, i32)> = source
            .lines()
            .filter_map(|line| {
                line.strip_prefix("pub const FLOWAI_TEMPLATE_")?
                    .split_once(": flowai_template_kind = ")
            })
            .map(|(name, number)| (name.to_lowercase(), number.trim_end_matches(';').parse().unwrap()))
            .collect();
        let kinds: Vec<(String, i32)> = TemplateKind::ALL
            .iter()
            .map(|kind| (kind.name().to_owned(), kind.code()))
            .collect();
        assert_eq!(constants, kinds);
        for kind in TemplateKind::ALL {
            // SAFETY: the function returns static strings that end with a NUL.
            let name = unsafe { CStr::from_ptr(flowai_template_name(kind.code())) };
            assert_eq!(name.to_str().unwrap(), kind.name());
        }
    }
}
