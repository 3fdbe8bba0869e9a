//! The boundaries between the components, as a host sees them.

/// What a component imports of ours.
pub mod imports {
    wasmtime::component::bindgen!({
        inline: "
            package gatehouse:fakes;
            world ours {
                import gatehouse:host/store@0.3.0;
                import gatehouse:host/settings@0.3.0;
                import gatehouse:host/configuration@0.3.0;
                import gatehouse:host/peer@0.3.0;
                import gatehouse:host/telemetry@0.3.0;
                import gatehouse:auth/sessions@0.9.0;
                import gatehouse:auth/handles@0.9.0;
                import gatehouse:auth/api-keys@0.9.0;
                import gatehouse:auth/assertions@0.9.0;
                import gatehouse:auth/backend-tokens@0.9.0;
                import gatehouse:auth/connections@0.9.0;
            }",
        path: ["../wit/host", "../wit/auth"],
        imports: { default: trappable },
        additional_derives: [PartialEq],
    });
}

/// What the adapter for wasmCloud imports of its platform.
pub mod wasmcloud {
    wasmtime::component::bindgen!({
        inline: "
            package gatehouse:fake-wasmcloud;
            world wasmcloud {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
                import wasi:keyvalue/batch@0.2.0-draft;
                import wasi:config/store@0.2.0-rc.1;
            }",
        path: ["../wit/deps/wasi-keyvalue@0.2.0-draft", "../wit/deps/wasi-config@0.2.0-rc.1"],
        imports: { default: trappable },
        with: { "wasi:keyvalue/store.bucket": crate::imports::Bucket },
    });
}

/// What the adapter for Spin imports of its platform.
pub mod platform {
    wasmtime::component::bindgen!({
        inline: "
            package gatehouse:fake-platform;
            world platform {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:keyvalue/batch@0.2.0-draft2;
                import fermyon:spin/variables@2.0.0;
            }",
        path: ["../wit/deps/wasi-keyvalue@0.2.0-draft2", "../wit/deps/fermyon-spin@2.0.0"],
        imports: { default: trappable },
        with: {
            "wasi:keyvalue/store.bucket": crate::imports::Bucket,
            "wasi:keyvalue/atomics.cas": crate::imports::CompareAndSwap,
        },
    });
}

/// What an adapter exports.
pub mod adapter {
    wasmtime::component::bindgen!({
        inline: "
            package gatehouse:adapter-alone;
            world adapter {
                export gatehouse:host/store@0.3.0;
                export gatehouse:host/settings@0.3.0;
                export gatehouse:host/configuration@0.3.0;
                export gatehouse:host/peer@0.3.0;
            }",
        path: ["../wit/host"],
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

/// What the authorization server exports for the gateway.
pub mod auth {
    wasmtime::component::bindgen!({
        inline: "
            package gatehouse:auth-alone;
            world auth {
                export gatehouse:auth/sessions@0.9.0;
                export gatehouse:auth/handles@0.9.0;
                export gatehouse:auth/assertions@0.9.0;
            }",
        path: ["../wit/auth"],
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}
