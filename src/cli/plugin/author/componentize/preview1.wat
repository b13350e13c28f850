;; What standard libraries that were made for WASI 0.1 (`wasi_snapshot_preview1`) find inside of a plugin.
;;
;; `gatewit plugin componentize` puts the functions of it that a module imports between the module and the interfaces of
;; WASI 0.2 that every plugin is granted: clocks, randomness, and an output that is the gateway's log. There is no
;; authority behind it: no arguments, no environment, no files, no sockets, no waiting.
;;
;; `preview1.wasm` beside this file is what it compiles to; a test compares them. Neither the text nor the component
;; model has a place for memory of its own here: what the host writes back goes into the first 16 bytes of the module's
;; memory, which are put back as they were before the module sees them again.
(module
  (import "env" "memory" (memory 0))
  (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $monotonic (result i64)))
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $wall (param i32)))
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $get_stdout (result i32)))
  (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $get_stderr (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param $stream i32) (param $from i32) (param $length i32) (param $result i32)))
  (import "wasi:io/error@0.2.0" "[resource-drop]error" (func $drop_error (param i32)))

  ;; While a module allocates for its host, the host may not be called: a garbage collector that looks at the clock then
  ;; is told what the clock said last, and what is written then is lost.
  (global $paused (mut i32) (i32.const 0))
  (global $last_monotonic (mut i64) (i64.const 0))
  (global $last_wall (mut i64) (i64.const 0))
  ;; Handles, once they were asked for.
  (global $stdout (mut i32) (i32.const 0))
  (global $stderr (mut i32) (i32.const 0))

  (func (export "adapter_monotonic_clock_set_paused") (param $paused i32)
    (global.set $paused (local.get $paused)))

  ;; Arguments, environment: none. Both functions of a pair write nothing but two zeros.
  (func (export "args_sizes_get") (export "environ_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (func (export "args_get") (export "environ_get") (param i32 i32) (result i32)
    (i32.const 0))

  ;; Clocks. Identifier 0 is the time of day, 1 the monotonic clock; 2 and 3, time of the CPU, are the monotonic clock, too.
  (func (export "clock_res_get") (param $id i32) (param $out i32) (result i32)
    (if (i32.gt_u (local.get $id) (i32.const 3)) (then (return (i32.const 28)))) ;; EINVAL
    (i64.store (local.get $out) (i64.const 1))
    (i32.const 0))
  (func (export "clock_time_get") (param $id i32) (param $precision i64) (param $out i32) (result i32)
    (if (i32.gt_u (local.get $id) (i32.const 3)) (then (return (i32.const 28)))) ;; EINVAL
    (i64.store (local.get $out)
      (if (result i64) (local.get $id) (then (call $monotonic_now)) (else (call $wall_now))))
    (i32.const 0))
  (func $monotonic_now (result i64)
    (if (i32.eqz (global.get $paused))
      ;; Never 0: the runtime of Go takes that for a broken clock.
      (then (global.set $last_monotonic (i64.add (call $monotonic) (i64.const 1)))))
    (global.get $last_monotonic))
  (func $wall_now (result i64)
    (local $a i64) (local $b i64)
    (if (i32.eqz (global.get $paused))
      (then
        (local.set $a (i64.load (i32.const 0)))
        (local.set $b (i64.load (i32.const 8)))
        (call $wall (i32.const 0)) ;; seconds: u64, nanoseconds: u32
        (global.set $last_wall (i64.add
          (i64.mul (i64.load (i32.const 0)) (i64.const 1000000000))
          (i64.load32_u (i32.const 8))))
        (i64.store (i32.const 0) (local.get $a))
        (i64.store (i32.const 8) (local.get $b))))
    (global.get $last_wall))

  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (local $bits i64)
    (block $done
      (loop $eight
        (br_if $done (i32.lt_u (local.get $length) (i32.const 8)))
        (i64.store align=1 (local.get $at) (call $random))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (local.set $length (i32.sub (local.get $length) (i32.const 8)))
        (br $eight)))
    (if (local.get $length) (then (local.set $bits (call $random))))
    (block $full
      (loop $one
        (br_if $full (i32.eqz (local.get $length)))
        (i64.store8 (local.get $at) (local.get $bits))
        (local.set $bits (i64.shr_u (local.get $bits) (i64.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $one)))
    (i32.const 0))

  ;; Standard output and standard error: what is written there is in the gateway's log.
  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $out i32) (result i32)
    (local $length i32) (local $written i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8)))) ;; EBADF
    (block $done
      (loop $piece ;; address: u32, length: u32
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $length (i32.load offset=4 (local.get $pieces)))
        (if (i32.eqz (global.get $paused))
          (then
            (if (call $write_all (call $stream (local.get $fd)) (i32.load (local.get $pieces)) (local.get $length))
              (then (return (i32.const 29)))))) ;; EIO
        (local.set $written (i32.add (local.get $written) (local.get $length)))
        (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $piece)))
    (i32.store (local.get $out) (local.get $written))
    (i32.const 0))
  (func $stream (param $fd i32) (result i32)
    (if (result i32) (i32.eq (local.get $fd) (i32.const 1))
      (then
        (if (i32.eqz (global.get $stdout)) (then (global.set $stdout (call $get_stdout))))
        (global.get $stdout))
      (else
        (if (i32.eqz (global.get $stderr)) (then (global.set $stderr (call $get_stderr))))
        (global.get $stderr))))
  ;; Whether it failed. One call takes at most 4096 bytes.
  (func $write_all (param $stream i32) (param $from i32) (param $length i32) (result i32)
    (local $a i64) (local $b i64) (local $part i32) (local $failed i32) (local $error i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $part (select (local.get $length) (i32.const 4096)
          (i32.lt_u (local.get $length) (i32.const 4096))))
        (local.set $a (i64.load (i32.const 0)))
        (local.set $b (i64.load (i32.const 8)))
        (call $write (local.get $stream) (local.get $from) (local.get $part) (i32.const 0))
        ;; ok, or an error, which is a handle or says that the stream is closed
        (local.set $failed (i32.load8_u (i32.const 0)))
        (local.set $error (select (i32.load (i32.const 8)) (i32.const 0) (i32.eqz (i32.load8_u (i32.const 4)))))
        (i64.store (i32.const 0) (local.get $a))
        (i64.store (i32.const 8) (local.get $b))
        (if (local.get $failed)
          (then
            (if (local.get $error) (then (call $drop_error (local.get $error))))
            (return (i32.const 1))))
        (local.set $from (i32.add (local.get $from) (local.get $part)))
        (local.set $length (i32.sub (local.get $length) (local.get $part)))
        (br $next)))
    (i32.const 0))

  ;; The three standard files look like a terminal: C libraries then write at the end of each line, and not at the end of
  ;; a process, which a plugin never comes to.
  (func (export "fd_fdstat_get") (param $fd i32) (param $out i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8)))) ;; EBADF
    (i64.store align=1 (local.get $out) (i64.const 2)) ;; a character device, without flags
    (i64.store offset=8 align=1 (local.get $out) ;; may write, not seek
      (select (i64.const 64) (i64.const 0) (local.get $fd)))
    (i64.store offset=16 align=1 (local.get $out) (i64.const 0))
    (i32.const 0))

  ;; Nobody waits: each clock that was to be waited for has come to its time. A subscription is 48 bytes (user data: u64,
  ;; kind: u8 at 8), an event 32 (user data: u64, error: u16 at 8, kind: u8 at 10).
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $events i32) (result i32)
    (local $left i32)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28)))) ;; EINVAL
    (local.set $left (local.get $count))
    (loop $next
      (i64.store align=1 (local.get $out) (i64.load align=1 (local.get $in)))
      (i64.store offset=8 align=1 (local.get $out) (i64.const 0))
      (i64.store offset=16 align=1 (local.get $out) (i64.const 0))
      (i64.store offset=24 align=1 (local.get $out) (i64.const 0))
      (i32.store8 offset=10 (local.get $out) (i32.load8_u offset=8 (local.get $in)))
      (if (i32.load8_u offset=8 (local.get $in)) ;; to read or write
        (then (i32.store16 offset=8 (local.get $out) (i32.const 8)))) ;; EBADF
      (local.set $in (i32.add (local.get $in) (i32.const 48)))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store (local.get $events) (local.get $count))
    (i32.const 0))

  (func (export "proc_exit") (param i32)
    (unreachable))
  (func (export "sched_yield") (result i32)
    (i32.const 0))

  ;; Files: none is open. EBADF
  (func (export "fd_close") (export "fd_datasync") (export "fd_sync") (param i32) (result i32)
    (i32.const 8))
  (func (export "fd_fdstat_set_flags") (export "fd_filestat_get") (export "fd_prestat_get") (export "fd_renumber")
    (export "fd_tell") (param i32 i32) (result i32)
    (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32)
    (i32.const 8))
  (func (export "fd_allocate") (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32)
    (i32.const 8))
  (func (export "fd_advise") (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32)
    (i32.const 8))
  (func (export "fd_prestat_dir_name") (export "path_create_directory") (export "path_remove_directory")
    (export "path_unlink_file") (param i32 i32 i32) (result i32)
    (i32.const 8))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32)
    (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32)
    (i32.const 8))
  (func (export "fd_pread") (export "fd_pwrite") (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32)
    (i32.const 8))
  (func (export "path_filestat_get") (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32)
    (i32.const 8))
  (func (export "path_readlink") (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32)
    (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32)
    (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)
    (i32.const 8))

  ;; Sockets and signals: there is nothing of the kind. ENOSYS
  (func (export "proc_raise") (param i32) (result i32)
    (i32.const 52))
  (func (export "sock_shutdown") (param i32 i32) (result i32)
    (i32.const 52))
  (func (export "sock_accept") (param i32 i32 i32) (result i32)
    (i32.const 52))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32)
    (i32.const 52))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32)
    (i32.const 52))
)
