//! Linker settings of the shared library.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("macos") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libflowai.0.dylib");
        name_with_version("libflowai.dylib", "libflowai.0.dylib");
    } else {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libflowai.so.0");
        // Helper threads and destructors of thread-local values live here: unloading would pull the code away from
        // under them, so dlclose must not.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        name_with_version("libflowai.so", "libflowai.so.0");
    }
}

/// Programs look for the library by the name with the version, which cargo does not give to what it builds. With this
/// link beside it they run from the folder of the build, before anything is installed.
fn name_with_version(library: &str, link: &str) {
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    let Some(folder) = Path::new(&out).ancestors().nth(3) else {
        return;
    };
    let link = folder.join(link);
    if fs::symlink_metadata(&link).is_err()
        && let Err(error) = std::os::unix::fs::symlink(library, &link)
    {
        println!("cargo::warning=cannot make {}: {error}", link.display());
    }
}
