;; A guest for tests of the host's HTTP front. What it does is in the first letter of the request's path:
;;   /wait          waits for an hour before it answers
;;   /body          reads the body, and answers with the number of reads and of bytes
;;   /early         answers 401 without reading the body
;;   /stream        answers with a stream of one event, and listens until the client has gone
;;   /flood         answers with bytes without end
;;   /large         answers with 400 KiB
;;   /call/ADDRESS  asks the server at ADDRESS, which may take 600 s, and then answers
;;   /token/ADDRESS asks the server at ADDRESS, which may take 10 s, writes "stored" to its output, and then answers
;; Any other path is answered at once.
(module
  (import "wasi:http/types@0.2.12" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $body-stream (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.set-status-code" (func $set-status (param i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response-body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body-write (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $body-finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $answer (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme" (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority" (func $set-authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query" (func $set-path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]request-options" (func $options (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-connect-timeout" (func $set-connect (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-first-byte-timeout" (func $set-first (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-between-bytes-timeout" (func $set-between (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe" (func $answered (param i32) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $check-write (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop-output (param i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop-pollable (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))

  (memory (export "memory") 8)
  (data (i32.const 1024) "content-type")
  (data (i32.const 1040) "text/event-stream")
  (data (i32.const 1060) "data: a\n\n")
  (data (i32.const 1072) "stored\n")
  (data (i32.const 1080) "gone\n")
  (data (i32.const 1090) "ended\n")
  (data (i32.const 1100) "/")
  (global $heap (mut i32) (i32.const 8192))
  (global $reads (mut i32) (i32.const 0))
  (global $bytes (mut i32) (i32.const 0))

  ;; Nothing is given back, but before each read of a body: see $read-body.
  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func $wait (param $nanoseconds i64) (local $pollable i32)
    (local.set $pollable (call $after (local.get $nanoseconds)))
    (call $block (local.get $pollable))
    (call $drop-pollable (local.get $pollable)))

  (func $say (param $text i32) (param $length i32) (local $out i32)
    (local.set $out (call $stdout))
    (call $write (local.get $out) (local.get $text) (local.get $length) (i32.const 0))
    (call $drop-output (local.get $out)))

  ;; Results of calls lie at 0.
  (func $read-body (param $request i32) (local $stream i32) (local $start i32)
    (call $consume (local.get $request) (i32.const 0))
    (call $body-stream (i32.load (i32.const 4)) (i32.const 0))
    (local.set $stream (i32.load (i32.const 4)))
    (local.set $start (global.get $heap))
    (block $end
      (loop $next
        (global.set $heap (local.get $start))
        (call $read (local.get $stream) (i64.const 65536) (i32.const 0))
        (br_if $end (i32.load8_u (i32.const 0)))
        (global.set $reads (i32.add (global.get $reads) (i32.const 1)))
        (global.set $bytes (i32.add (global.get $bytes) (i32.load (i32.const 8))))
        (br $next))))

  ;; Writes a number in ten digits.
  (func $digits (param $at i32) (param $number i32) (local $place i32)
    (local.set $place (i32.const 9))
    (loop $next
      (i32.store8 (i32.add (local.get $at) (local.get $place))
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (local.set $place (i32.sub (local.get $place) (i32.const 1)))
      (br_if $next (i32.ge_s (local.get $place) (i32.const 0)))))

  (func $ask (param $address i32) (param $length i32) (param $nanoseconds i64) (local $request i32) (local $options i32)
    (local.set $request (call $request (call $fields)))
    (drop (call $set-scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $set-authority (local.get $request) (i32.const 1) (local.get $address) (local.get $length)))
    (drop (call $set-path (local.get $request) (i32.const 1) (i32.const 1100) (i32.const 1)))
    (local.set $options (call $options))
    (drop (call $set-connect (local.get $options) (i32.const 1) (i64.const 5000000000)))
    (drop (call $set-first (local.get $options) (i32.const 1) (local.get $nanoseconds)))
    (drop (call $set-between (local.get $options) (i32.const 1) (local.get $nanoseconds)))
    (call $send (local.get $request) (i32.const 1) (local.get $options) (i32.const 0))
    (call $block (call $answered (i32.load (i32.const 8)))))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $out i32)
    (local $letter i32) (local $path i32) (local $length i32)
    (local $headers i32) (local $response i32) (local $body i32) (local $stream i32) (local $left i32)
    (call $path (local.get $request) (i32.const 0))
    (local.set $path (i32.load (i32.const 4)))
    (local.set $length (i32.load (i32.const 8)))
    (local.set $letter (i32.load8_u offset=1 (local.get $path)))

    (if (i32.eq (local.get $letter) (i32.const 119)) ;; w
      (then (call $wait (i64.const 3600000000000))))
    (if (i32.eq (local.get $letter) (i32.const 98)) ;; b
      (then (call $read-body (local.get $request))))
    (if (i32.eq (local.get $letter) (i32.const 99)) ;; c
      (then
        (call $ask (i32.add (local.get $path) (i32.const 6)) (i32.sub (local.get $length) (i32.const 6))
          (i64.const 600000000000))
        (call $say (i32.const 1090) (i32.const 6))))
    (if (i32.eq (local.get $letter) (i32.const 116)) ;; t
      (then
        (call $ask (i32.add (local.get $path) (i32.const 7)) (i32.sub (local.get $length) (i32.const 7))
          (i64.const 10000000000))
        (call $say (i32.const 1072) (i32.const 7))))

    (local.set $headers (call $fields))
    (if (i32.eq (local.get $letter) (i32.const 115)) ;; s
      (then (call $append (local.get $headers)
        (i32.const 1024) (i32.const 12) (i32.const 1040) (i32.const 17) (i32.const 0))))
    (local.set $response (call $response (local.get $headers)))
    (if (i32.eq (local.get $letter) (i32.const 101)) ;; e
      (then (drop (call $set-status (local.get $response) (i32.const 401)))))
    (call $response-body (local.get $response) (i32.const 0))
    (local.set $body (i32.load (i32.const 4)))
    (call $answer (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $body-write (local.get $body) (i32.const 0))
    (local.set $stream (i32.load (i32.const 4)))

    (if (i32.eq (local.get $letter) (i32.const 98)) ;; b
      (then
        (call $digits (i32.const 2048) (global.get $reads))
        (i32.store8 (i32.const 2058) (i32.const 32))
        (call $digits (i32.const 2059) (global.get $bytes))
        (call $write (local.get $stream) (i32.const 2048) (i32.const 21) (i32.const 0))))
    (if (i32.eq (local.get $letter) (i32.const 115)) ;; s
      (then
        (call $write (local.get $stream) (i32.const 1060) (i32.const 9) (i32.const 0))
        (loop $silent
          (call $wait (i64.const 10000000))
          (call $check-write (local.get $stream) (i32.const 0))
          (br_if $silent (i32.eqz (i32.load8_u (i32.const 0)))))
        (call $say (i32.const 1080) (i32.const 5))))
    (if (i32.eq (local.get $letter) (i32.const 102)) ;; f
      (then
        (loop $more
          (call $write (local.get $stream) (i32.const 4096) (i32.const 4096) (i32.const 0))
          (br_if $more (i32.eqz (i32.load8_u (i32.const 0)))))
        (call $say (i32.const 1080) (i32.const 5))))
    (if (i32.eq (local.get $letter) (i32.const 108)) ;; l
      (then
        (local.set $left (i32.const 100))
        (loop $more
          (call $write (local.get $stream) (i32.const 4096) (i32.const 4096) (i32.const 0))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br_if $more (local.get $left)))))
    (call $drop-output (local.get $stream))
    (call $body-finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0)))
)
