;; A guest for tests of components that call each other. Each letter of a path is a segment of its own; the first says what to do:
;;   /t/NAME/REST  sends the request on to /REST of component NAME, and its answer back; an error becomes 502 with its number
;;   /h/NAME/REST  the same, but the answer has to come within 200 ms, and each of its pieces
;;   /m/NAME/REST  the same, but it has half a minute
;;   /u/NAME/REST  the same as /t, by https
;;   /k/NAME/REST  the same as /t, with the method CONNECT
;;   /d/NAME       sends one piece of a body to /e of NAME, reads it in the answer, and only then sends another one
;;   /e            answers with the body of the request, piece by piece
;;   /q            reads the body, and answers with the number of its bytes
;;   /i            answers with the authority, the path and the headers of the request
;;   /x            traps
;;   /p            answers with a part, and traps
;;   /l            computes without end
;;   /w            says "waiting", and waits for an hour before it answers
;;   /s            answers with one event, and waits until nobody listens; then it says "gone"
;;   /f            answers with bytes without end; says "gone" when nobody takes them
;;   /r            answers with a redirection
;;   /c            answers with an error instead of a response
;; Any other path is answered with "now".
(module
  (import "wasi:http/types@0.2.12" "[method]incoming-request.method" (func $method (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.authority" (func $authority (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.headers" (func $headers (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $body-stream (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.entries" (func $entries (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.set-status-code" (func $set-status (param i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response-body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body-write (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]outgoing-body" (func $drop-body (param i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $body-finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $answer (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.body" (func $request-body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method" (func $set-method (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme" (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority" (func $set-authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query" (func $set-path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]request-options" (func $options (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-connect-timeout" (func $set-connect (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-first-byte-timeout" (func $set-first (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-between-bytes-timeout" (func $set-between (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe" (func $answered (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.status" (func $status (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume-response (param i32 i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-splice" (func $splice (param i32 i32 i64 i32)))
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
  (data (i32.const 1072) "waiting\n")
  (data (i32.const 1080) "gone\n")
  (data (i32.const 1090) "broken\n")
  (data (i32.const 1100) "now\n")
  (data (i32.const 1110) "one, two")
  (data (i32.const 1120) "x.spin.internal")
  (data (i32.const 1140) "error 00")
  (data (i32.const 1150) "/e")
  (data (i32.const 1160) "location")
  (data (i32.const 1170) "http://b.spin.internal/")
  (data (i32.const 1200) "spin-client-addr")
  (data (i32.const 1220) "192.0.2.1:1")
  (data (i32.const 1240) "x-own")
  (data (i32.const 1250) "1")
  (data (i32.const 1252) ": ")
  (data (i32.const 1254) "\n")
  (global $heap (mut i32) (i32.const 8192))

  ;; Nothing is given back, but before each read of a body: see $pass.
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

  ;; All that comes from one stream goes to the other. Whether it came to its end.
  (func $pass (param $from i32) (param $to i32) (result i32)
    (loop $more
      (call $splice (local.get $to) (local.get $from) (i64.const 4096) (i32.const 0))
      (br_if $more (i32.eqz (i32.load8_u (i32.const 0)))))
    ;; The error: 0 is a failure, 1 the end.
    (i32.load8_u offset=8 (i32.const 0)))

  ;; The stream of a request's body.
  (func $incoming (param $request i32) (result i32)
    (call $consume (local.get $request) (i32.const 0))
    (call $body-stream (i32.load (i32.const 4)) (i32.const 0))
    (i32.load (i32.const 4)))

  ;; A request to the component with this letter; it claims to be from a client.
  (func $outgoing (param $letter i32) (param $secure i32) (param $path i32) (param $length i32) (result i32)
    (local $request i32) (local $headers i32)
    (local.set $headers (call $fields))
    (call $append (local.get $headers) (i32.const 1200) (i32.const 16) (i32.const 1220) (i32.const 11) (i32.const 0))
    (call $append (local.get $headers) (i32.const 1240) (i32.const 5) (i32.const 1250) (i32.const 1) (i32.const 0))
    (local.set $request (call $request (local.get $headers)))
    (i32.store8 (i32.const 1120) (local.get $letter))
    (drop (call $set-scheme (local.get $request) (i32.const 1) (local.get $secure) (i32.const 0) (i32.const 0)))
    (drop (call $set-authority (local.get $request) (i32.const 1) (i32.const 1120) (i32.const 15)))
    (drop (call $set-path (local.get $request) (i32.const 1) (local.get $path) (local.get $length)))
    (local.get $request))

  ;; The handle of the answer, or -1 with the error's number at 1304.
  (func $await (param $future i32) (result i32) (local $pollable i32)
    (local.set $pollable (call $answered (local.get $future)))
    (call $block (local.get $pollable))
    (call $drop-pollable (local.get $pollable))
    (call $get (local.get $future) (i32.const 0))
    (if (i32.load8_u (i32.const 16))
      (then
        (i32.store (i32.const 1304) (i32.load8_u (i32.const 24)))
        (return (i32.const -1))))
    (i32.load (i32.const 24)))

  ;; Answers with a status and these headers; the body is at 1300, and its stream is returned.
  (func $begin (param $out i32) (param $status i32) (param $headers i32) (result i32) (local $response i32)
    (local.set $response (call $response (local.get $headers)))
    (drop (call $set-status (local.get $response) (local.get $status)))
    (call $response-body (local.get $response) (i32.const 0))
    (i32.store (i32.const 1300) (i32.load (i32.const 4)))
    (call $answer (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $body-write (i32.load (i32.const 1300)) (i32.const 0))
    (i32.load (i32.const 4)))

  (func $finish (param $stream i32) (param $body i32)
    (call $drop-output (local.get $stream))
    (call $body-finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0)))

  ;; Answers with a short text.
  (func $tell (param $out i32) (param $status i32) (param $text i32) (param $length i32) (local $stream i32)
    (local.set $stream (call $begin (local.get $out) (local.get $status) (call $fields)))
    (call $write (local.get $stream) (local.get $text) (local.get $length) (i32.const 0))
    (call $finish (local.get $stream) (i32.load (i32.const 1300))))

  (func $tell-error (param $out i32) (param $number i32)
    (i32.store8 (i32.const 1146) (i32.add (i32.const 48) (i32.div_u (local.get $number) (i32.const 10))))
    (i32.store8 (i32.const 1147) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
    (call $tell (local.get $out) (i32.const 502) (i32.const 1140) (i32.const 8)))

  ;; Answers as the component does that is asked; in haste (1), with a method of its own (2), or in half a minute (3).
  (func $forward (param $incoming i32) (param $out i32) (param $secure i32) (param $how i32) (param $path i32) (param $length i32)
    (local $request i32) (local $body i32) (local $stream i32) (local $options i32) (local $future i32) (local $response i32)
    (local.set $request (call $outgoing (i32.load8_u offset=3 (local.get $path)) (local.get $secure)
      (i32.add (local.get $path) (i32.const 4)) (i32.sub (local.get $length) (i32.const 4))))
    (call $method (local.get $incoming) (i32.const 0))
    (drop (call $set-method (local.get $request)
      (i32.load8_u (i32.const 0)) (i32.load (i32.const 4)) (i32.load (i32.const 8))))
    (if (i32.eq (local.get $how) (i32.const 2))
      (then (drop (call $set-method (local.get $request) (i32.const 5) (i32.const 0) (i32.const 0)))))
    (call $request-body (local.get $request) (i32.const 0))
    (local.set $body (i32.load (i32.const 4)))
    (local.set $options (call $options))
    (if (i32.eq (local.get $how) (i32.const 1))
      (then
        (drop (call $set-first (local.get $options) (i32.const 1) (i64.const 200000000)))
        (drop (call $set-between (local.get $options) (i32.const 1) (i64.const 200000000)))))
    (if (i32.eq (local.get $how) (i32.const 3))
      (then
        (drop (call $set-connect (local.get $options) (i32.const 1) (i64.const 30000000000)))
        (drop (call $set-first (local.get $options) (i32.const 1) (i64.const 30000000000)))
        (drop (call $set-between (local.get $options) (i32.const 1) (i64.const 30000000000)))))
    (call $body-write (local.get $body) (i32.const 0))
    (local.set $stream (i32.load (i32.const 4)))
    (call $send (local.get $request) (i32.const 1) (local.get $options) (i32.const 0))
    (local.set $future (i32.load (i32.const 8)))
    (drop (call $pass (call $incoming (local.get $incoming)) (local.get $stream)))
    (call $finish (local.get $stream) (local.get $body))
    (local.set $response (call $await (local.get $future)))
    (if (i32.eq (local.get $response) (i32.const -1))
      (then
        (call $tell-error (local.get $out) (i32.load (i32.const 1304)))
        (return)))
    (local.set $stream (call $begin (local.get $out) (call $status (local.get $response)) (call $fields)))
    (call $consume-response (local.get $response) (i32.const 0))
    (call $body-stream (i32.load (i32.const 4)) (i32.const 0))
    (if (call $pass (i32.load (i32.const 4)) (local.get $stream))
      (then (call $finish (local.get $stream) (i32.load (i32.const 1300))))
      ;; Without its end, an answer is broken.
      (else
        (call $say (i32.const 1090) (i32.const 7))
        (call $drop-output (local.get $stream))
        (call $drop-body (i32.load (i32.const 1300))))))

  ;; Copies what is read next from one stream to another one.
  (func $copy (param $from i32) (param $to i32)
    (call $read (local.get $from) (i64.const 4096) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (call $write (local.get $to) (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.const 0)))

  (func $duplex (param $out i32) (param $letter i32)
    (local $request i32) (local $body i32) (local $to i32) (local $from i32) (local $stream i32)
    (local.set $request (call $outgoing (local.get $letter) (i32.const 0) (i32.const 1150) (i32.const 2)))
    (drop (call $set-method (local.get $request) (i32.const 2) (i32.const 0) (i32.const 0)))
    (call $request-body (local.get $request) (i32.const 0))
    (local.set $body (i32.load (i32.const 4)))
    (call $body-write (local.get $body) (i32.const 0))
    (local.set $to (i32.load (i32.const 4)))
    (call $send (local.get $request) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $to) (i32.const 1110) (i32.const 5) (i32.const 0))
    (call $consume-response (call $await (i32.load (i32.const 8))) (i32.const 0))
    (call $body-stream (i32.load (i32.const 4)) (i32.const 0))
    (local.set $from (i32.load (i32.const 4)))
    (local.set $stream (call $begin (local.get $out) (i32.const 200) (call $fields)))
    (call $copy (local.get $from) (local.get $stream))
    (call $write (local.get $to) (i32.const 1115) (i32.const 3) (i32.const 0))
    (call $copy (local.get $from) (local.get $stream))
    (call $finish (local.get $to) (local.get $body))
    (if (i32.eqz (call $pass (local.get $from) (local.get $stream))) (then unreachable))
    (call $finish (local.get $stream) (i32.load (i32.const 1300))))

  ;; Answers with the number of bytes that come, in ten digits.
  (func $count (param $from i32) (param $out i32) (local $bytes i32) (local $place i32) (local $start i32)
    (local.set $start (global.get $heap))
    (block $end
      (loop $next
        (global.set $heap (local.get $start))
        (call $read (local.get $from) (i64.const 65536) (i32.const 0))
        (br_if $end (i32.load8_u (i32.const 0)))
        (local.set $bytes (i32.add (local.get $bytes) (i32.load (i32.const 8))))
        (br $next)))
    (local.set $place (i32.const 9))
    (loop $next
      (i32.store8 (i32.add (i32.const 1400) (local.get $place))
        (i32.add (i32.const 48) (i32.rem_u (local.get $bytes) (i32.const 10))))
      (local.set $bytes (i32.div_u (local.get $bytes) (i32.const 10)))
      (local.set $place (i32.sub (local.get $place) (i32.const 1)))
      (br_if $next (i32.ge_s (local.get $place) (i32.const 0))))
    (call $tell (local.get $out) (i32.const 200) (i32.const 1400) (i32.const 10)))

  (func $line (param $stream i32) (param $text i32) (param $length i32)
    (call $write (local.get $stream) (local.get $text) (local.get $length) (i32.const 0))
    (call $write (local.get $stream) (i32.const 1254) (i32.const 1) (i32.const 0)))

  (func $inform (param $incoming i32) (param $out i32) (param $path i32) (param $length i32)
    (local $stream i32) (local $entry i32) (local $left i32)
    (local.set $stream (call $begin (local.get $out) (i32.const 200) (call $fields)))
    (call $authority (local.get $incoming) (i32.const 0))
    (call $line (local.get $stream) (i32.load (i32.const 4)) (i32.load (i32.const 8)))
    (call $line (local.get $stream) (local.get $path) (local.get $length))
    (call $entries (call $headers (local.get $incoming)) (i32.const 0))
    (local.set $entry (i32.load (i32.const 0)))
    (local.set $left (i32.load (i32.const 4)))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $left)))
        (call $write (local.get $stream) (i32.load (local.get $entry)) (i32.load offset=4 (local.get $entry)) (i32.const 0))
        (call $write (local.get $stream) (i32.const 1252) (i32.const 2) (i32.const 0))
        (call $line (local.get $stream) (i32.load offset=8 (local.get $entry)) (i32.load offset=12 (local.get $entry)))
        (local.set $entry (i32.add (local.get $entry) (i32.const 16)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (call $finish (local.get $stream) (i32.load (i32.const 1300))))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $out i32)
    (local $letter i32) (local $path i32) (local $length i32) (local $stream i32) (local $headers i32)
    (call $path (local.get $request) (i32.const 0))
    (local.set $path (i32.load (i32.const 4)))
    (local.set $length (i32.load (i32.const 8)))
    (local.set $letter (i32.load8_u offset=1 (local.get $path)))

    (if (i32.eq (local.get $letter) (i32.const 116)) ;; t
      (then
        (call $forward (local.get $request) (local.get $out) (i32.const 0) (i32.const 0) (local.get $path) (local.get $length))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 104)) ;; h
      (then
        (call $forward (local.get $request) (local.get $out) (i32.const 0) (i32.const 1) (local.get $path) (local.get $length))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 109)) ;; m
      (then
        (call $forward (local.get $request) (local.get $out) (i32.const 0) (i32.const 3) (local.get $path) (local.get $length))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 107)) ;; k
      (then
        (call $forward (local.get $request) (local.get $out) (i32.const 0) (i32.const 2) (local.get $path) (local.get $length))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 117)) ;; u
      (then
        (call $forward (local.get $request) (local.get $out) (i32.const 1) (i32.const 0) (local.get $path) (local.get $length))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 100)) ;; d
      (then
        (call $duplex (local.get $out) (i32.load8_u offset=3 (local.get $path)))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 101)) ;; e
      (then
        (local.set $stream (call $begin (local.get $out) (i32.const 200) (call $fields)))
        (if (i32.eqz (call $pass (call $incoming (local.get $request)) (local.get $stream))) (then unreachable))
        (call $finish (local.get $stream) (i32.load (i32.const 1300)))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 113)) ;; q
      (then
        (call $count (call $incoming (local.get $request)) (local.get $out))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 105)) ;; i
      (then
        (call $inform (local.get $request) (local.get $out) (local.get $path) (local.get $length))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 120)) ;; x
      (then unreachable))
    (if (i32.eq (local.get $letter) (i32.const 112)) ;; p
      (then
        (local.set $stream (call $begin (local.get $out) (i32.const 200) (call $fields)))
        (call $write (local.get $stream) (i32.const 1110) (i32.const 3) (i32.const 0))
        unreachable))
    (if (i32.eq (local.get $letter) (i32.const 108)) ;; l
      (then (loop $again (br $again))))
    (if (i32.eq (local.get $letter) (i32.const 119)) ;; w
      (then
        (call $say (i32.const 1072) (i32.const 8))
        (call $wait (i64.const 3600000000000))))
    (if (i32.eq (local.get $letter) (i32.const 115)) ;; s
      (then
        (local.set $headers (call $fields))
        (call $append (local.get $headers)
          (i32.const 1024) (i32.const 12) (i32.const 1040) (i32.const 17) (i32.const 0))
        (local.set $stream (call $begin (local.get $out) (i32.const 200) (local.get $headers)))
        (call $write (local.get $stream) (i32.const 1060) (i32.const 9) (i32.const 0))
        (loop $silent
          (call $wait (i64.const 10000000))
          (call $check-write (local.get $stream) (i32.const 0))
          (br_if $silent (i32.eqz (i32.load8_u (i32.const 0)))))
        (call $say (i32.const 1080) (i32.const 5))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 102)) ;; f
      (then
        (local.set $stream (call $begin (local.get $out) (i32.const 200) (call $fields)))
        (loop $more
          (call $write (local.get $stream) (i32.const 4096) (i32.const 4096) (i32.const 0))
          (br_if $more (i32.eqz (i32.load8_u (i32.const 0)))))
        (call $say (i32.const 1080) (i32.const 5))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 114)) ;; r
      (then
        (local.set $headers (call $fields))
        (call $append (local.get $headers)
          (i32.const 1160) (i32.const 8) (i32.const 1170) (i32.const 23) (i32.const 0))
        (local.set $stream (call $begin (local.get $out) (i32.const 307) (local.get $headers)))
        (call $finish (local.get $stream) (i32.load (i32.const 1300)))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 99)) ;; c: the error is `configuration-error`
      (then
        (call $answer (local.get $out) (i32.const 1) (i32.const 37)
          (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (return)))
    (call $tell (local.get $out) (i32.const 200) (i32.const 1100) (i32.const 4)))
)
