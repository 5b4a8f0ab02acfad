//! `flowai upload-media`: a file, streamed ("Media message" of the API document).

use std::{path::PathBuf, time::Duration};

use clap::Args;
use flowai::{Progress, Upload};
use flowai_delivery::{KeepFile, Outbox};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Context,
    post::PostArgs,
    send::{sentence, titled},
};
use crate::{
    args::{MessageOptions, seconds},
    exit::Failure,
};

const BAR: &str = "{bar:30} {percent:>3}% {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

#[derive(Args)]
pub(crate) struct UploadArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// The file, at most 250 MB
    #[arg(allow_hyphen_values = true)]
    file: PathBuf,
    /// image, file, audio or video [default: what the MIME type says]
    #[arg(long = "type", value_name = "TYPE")]
    media_type: Option<String>,
    /// MIME type [default: what the name says]
    #[arg(long)]
    mime_type: Option<String>,
    /// The name that the service is told [default: that of the file]
    #[arg(long, value_name = "NAME")]
    filename: Option<String>,
    /// Where the media can be found too
    #[arg(long)]
    url: Option<String>,
    /// A name for the media
    #[arg(long)]
    title: Option<String>,
    /// End when nothing moved for this long [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    idle_timeout: Option<Duration>,
    #[command(flatten)]
    options: MessageOptions,
    #[command(flatten)]
    post: PostArgs,
    /// Keep the path of the file in the outbox and not a copy; the message fails when the file changes before it is sent
    #[arg(long, requires = "outbox", help_heading = "Outbox")]
    by_reference: bool,
}

pub(crate) fn run(context: &Context<'_>, args: UploadArgs) -> Result<(), Failure> {
    let mut upload = Upload::from_path(&args.file)?;
    if let Some(media_type) = args.media_type {
        upload = upload.media_type(media_type);
    }
    if let Some(mime_type) = args.mime_type {
        upload = upload.mime_type(mime_type);
    }
    if let Some(filename) = args.filename {
        upload = upload.filename(filename);
    }
    if let Some(timeout) = args.idle_timeout {
        upload = upload.idle_timeout(timeout);
    }
    let (url, title, options) = (args.url, args.title, args.options);
    upload = upload.message(|message| {
        let message = match url {
            Some(url) => message.url(url),
            None => message,
        };
        options.apply(titled(message, title))
    });
    if args.post.outbox.is_given() {
        let keep = if args.by_reference {
            KeepFile::Reference
        } else {
            KeepFile::Copy
        };
        let put = |outbox: &Outbox| outbox.upload_media(&args.thread, upload, keep);
        return args.post.outbox.put(context, put);
    }
    let client = context.connection.client()?;
    let progress = upload.progress();
    let mut call = args
        .post
        .write_concern
        .apply(client.upload_media(&args.thread, upload));
    if let Some(timeout) = context.connection.timeout {
        call = call.timeout(timeout);
    }
    let bar = bar(&progress, context.output.is_json());
    let result = call.wait_with(|| {
        bar.set_position(progress.done());
        context.interrupt.check()
    });
    bar.finish_and_clear();
    let receipt = result?;
    context.acknowledged(&receipt, &sentence(&receipt))
}

/// A bar on standard error, if that is a terminal.
fn bar(progress: &Progress, hidden: bool) -> ProgressBar {
    let target = if hidden {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(progress.total(), target);
    match ProgressStyle::with_template(BAR) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
