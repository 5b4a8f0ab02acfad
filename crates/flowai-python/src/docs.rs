//! Sentences that the documentation of many methods has in common.

/// The thread that a method is about.
macro_rules! thread_id {
    () => {
        "thread_id: str, the conversation; any text of at most 1,024 bytes."
    };
}

/// How long a call may take.
macro_rules! timeout {
    () => {
        "timeout: seconds for the whole call, over all attempts, in place of the client's."
    };
}

/// What a call that sends no message can raise.
macro_rules! raises {
    () => {
        "Raises InvalidArgumentError before anything is sent; AuthenticationError when the key is refused, and other kinds of\n\
         APIStatusError when the service answers with an error; APIResponseError when its answer makes no sense;\n\
         APIConnectionError or APITimeoutError when there is none; ClosedError when the client is closed."
    };
}

/// What a call that sends something can raise.
macro_rules! raises_delivery {
    () => {
        "Raises FlowAIError; its ``delivery`` says what became of it. It is never sent twice."
    };
}
