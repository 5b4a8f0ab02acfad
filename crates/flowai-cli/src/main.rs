//! The `flowai` command.
#![forbid(unsafe_code)]

fn main() {
    std::process::exit(flowai_cli::run_program(std::env::args_os()));
}
