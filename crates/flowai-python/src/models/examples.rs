//! An example for the documentation of each class, in Python. The tests run them.

const EXAMPLES: &[(&str, &str)] = &[
    (
        "Profile",
        ">>> flowai.Profile(full_name=\"John Doe\", timezone=0).full_name\n'John Doe'",
    ),
    (
        "Originator",
        ">>> john = flowai.Originator(\"John Doe\", profile=flowai.Profile(locale=\"en_US\"))\n\
         >>> receipt = client.send_text(\"thread-1\", \"Hello\", originator=john)",
    ),
    (
        "TextMessage",
        ">>> flowai.TextMessage(\"Hello\", lang=\"en\").text\n'Hello'",
    ),
    (
        "EventMessage",
        ">>> receipt = client.send(\"thread-1\", flowai.EventMessage(\"INTRO\", params={\"plan\": \"gold\"}))",
    ),
    (
        "LocationMessage",
        ">>> flowai.LocationMessage(52.37, \"4.90\", title=\"Amsterdam\").lat\n'52.37'",
    ),
    (
        "MediaMessage",
        ">>> picture = flowai.MediaMessage(\"https://example.com/a.png\", media_type=\"image\")\n\
         >>> receipt = client.send(\"thread-1\", picture)",
    ),
    (
        "Recipient",
        ">>> receipt = client.broadcast(\n\
         ...     [flowai.Recipient(\"John Doe\", phone_number=\"+31612345678\")],\n\
         ...     flowai.Channel(\"whatsapp\", \"31201234567\"),\n\
         ...     \"We are open again\",\n\
         ... )",
    ),
    (
        "Channel",
        ">>> flowai.Channel(\"whatsapp\", \"31201234567\").external_id\n'31201234567'",
    ),
    (
        "Segment",
        ">>> receipt = client.broadcast_to_segments([flowai.Segment(id=\"s1\")], \"We are open again\")",
    ),
    (
        "Template",
        ">>> part = flowai.Template(type=\"whatsapp_buttons\", payload={\"title\": \"Which one?\"})\n\
         >>> part.type, part.payload\n('whatsapp_buttons', {'title': 'Which one?'})",
    ),
    (
        "TextTemplate",
        ">>> match flowai.TextTemplate(\"Hello\"):\n...     case flowai.TextTemplate(text):\n...         print(text)\nHello",
    ),
    (
        "ImageTemplate",
        ">>> flowai.ImageTemplate(url=\"https://example.com/a.png\").url\n'https://example.com/a.png'",
    ),
    (
        "VideoTemplate",
        ">>> flowai.VideoTemplate(url=\"https://example.com/a.mp4\").url\n'https://example.com/a.mp4'",
    ),
    (
        "AudioTemplate",
        ">>> flowai.AudioTemplate(url=\"https://example.com/a.mp3\", duration=600).duration\n600",
    ),
    (
        "FileTemplate",
        ">>> flowai.FileTemplate(title=\"Invoice\", url=\"https://example.com/a.pdf\").title\n'Invoice'",
    ),
    (
        "LocationTemplate",
        ">>> flowai.LocationTemplate(title=\"Amsterdam\", lat=52.37, long=4.9).title\n'Amsterdam'",
    ),
    (
        "CardTemplate",
        ">>> card = flowai.CardTemplate(title=\"Shoes\", buttons=[flowai.Button(label=\"Buy\")])\n\
         >>> [button.label for button in card.buttons]\n['Buy']",
    ),
    (
        "CarouselTemplate",
        ">>> [card.title for card in flowai.CarouselTemplate(cards=[flowai.Card(title=\"Shoes\")]).cards]\n['Shoes']",
    ),
    (
        "ListTemplate",
        ">>> [item.title for item in flowai.ListTemplate(items=[flowai.ListItem(title=\"Shoes\")]).items]\n['Shoes']",
    ),
    (
        "ButtonsTemplate",
        ">>> flowai.ButtonsTemplate(title=\"Which one?\", buttons=[flowai.Button(label=\"This\")]).title\n'Which one?'",
    ),
    (
        "WebviewTemplate",
        ">>> flowai.WebviewTemplate(label=\"Open\", url=\"https://example.com\").label\n'Open'",
    ),
    (
        "HandoverTemplate",
        ">>> flowai.HandoverTemplate(seconds_to_pause=60).seconds_to_pause\n60",
    ),
    (
        "NoteTemplate",
        ">>> flowai.NoteTemplate(\"Wants a refund\").note\n'Wants a refund'",
    ),
    (
        "CustomTemplate",
        ">>> part = flowai.CustomTemplate.from_dict({\"type\": \"custom\", \"payload\": {\"colour\": \"red\"}})\n\
         >>> part.extra\n{'colour': 'red'}",
    ),
    (
        "EventTemplate",
        ">>> flowai.EventTemplate(\"INTRO\").name\n'INTRO'",
    ),
    (
        "SystemReplyTemplate",
        ">>> flowai.SystemReplyTemplate(text=\"One moment\").text\n'One moment'",
    ),
    (
        "KhorosPriorityTemplate",
        ">>> flowai.KhorosPriorityTemplate(priority=1).priority\n1",
    ),
    (
        "AgentTextTemplate",
        ">>> flowai.AgentTextTemplate(\"Hello, I am Ann\").text\n'Hello, I am Ann'",
    ),
    (
        "Action",
        ">>> flowai.Action(type=\"url\", value=\"https://example.com\").value\n'https://example.com'",
    ),
    (
        "ButtonTrigger",
        ">>> flowai.ButtonTrigger(type=\"event\", value=\"BUY\").value\n'BUY'",
    ),
    (
        "Button",
        ">>> flowai.Button(type=\"webview\", label=\"Open\", value=\"https://example.com\").label\n'Open'",
    ),
    (
        "CardMedia",
        ">>> flowai.CardMedia(type=\"image\", url=\"https://example.com/a.png\").type\n'image'",
    ),
    (
        "QuickReply",
        ">>> answer = flowai.QuickReply(\"Yes, please\", value=\"yes\")\n\
         >>> reply = client.ask(\"thread-1\", answer.value_or_label)",
    ),
    (
        "ExpirationTime",
        ">>> flowai.ExpirationTime(ttl=\"60\").ttl\n'60'",
    ),
    (
        "Card",
        ">>> flowai.Card(title=\"Shoes\", subtitle=\"Red\").subtitle\n'Red'",
    ),
    (
        "ListItem",
        ">>> flowai.ListItem(title=\"Shoes\", featured=True).featured\nTrue",
    ),
    (
        "ReplyMessage",
        ">>> for message in client.ask(\"thread-1\", \"Hello\").messages:\n...     print(message.text)\nHello",
    ),
    (
        "HistoryEntry",
        ">>> for entry in client.history(\"thread-1\").entries:\n\
         ...     speaker, said = entry.originator, entry.text",
    ),
    (
        "Interval",
        ">>> flowai.Interval(from_=\"8:30\", to=\"12:00\").to\n'12:00'",
    ),
    (
        "Weekday",
        ">>> monday = flowai.Weekday(weekday=\"Monday\", content=[flowai.Interval(from_=\"8:30\", to=\"12:00\")])\n\
         >>> monday.weekday\n'Monday'",
    ),
    (
        "Holiday",
        ">>> flowai.Holiday(holiday=\"Christmas\", date=\"2026-12-25\").holiday\n'Christmas'",
    ),
    (
        "BusinessHours",
        ">>> from datetime import datetime, timezone\n\
         >>> for hours in client.business_hours():\n\
         ...     print(hours.label, hours.is_open(datetime.now(timezone.utc)))",
    ),
];

pub fn example(class: &str) -> Option<&'static str> {
    let found = EXAMPLES.iter().find(|(name, _)| *name == class);
    found.map(|(_, example)| *example)
}
