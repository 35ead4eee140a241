internal import CLibrary

/// gRPC over libcurl: HTTP/2, and TLS where the endpoint has it. One thread, which waits in
/// curl_multi_poll(3) for the server and for swlock alike.
final class Transport {
  private let settings: Settings
  private let multi: UnsafeMutableRawPointer
  /// libcurl before 8.0 cannot use a connection again that began with HTTP/2 without asking (its issue
  /// 10634): there each call has its own (etcd.md K9).
  private let reusesPlain = clibrary_version() >= 0x080000

  init(_ settings: Settings) {
    self.settings = settings
    // libcurl has OpenSSL read its configuration in any case: a millisecond for nothing.
    if !settings.usesTLS { setenv("OPENSSL_CONF", "/dev/null", 1) }
    curl_global_init(Int(CURL_GLOBAL_ALL))
    guard let multi = curl_multi_init() else { fatalError("curl_multi_init") }
    self.multi = multi
  }

  /// - Parameters:
  ///   - limit: how long the call may take; nil for a watch, of which only connecting has a limit.
  ///   - afresh: on a connection of its own, since the last one at this endpoint may be dead.
  ///   - asksInHandshake: by TLS 1.2, whose handshake tells whether the certificates are accepted.
  ///   - asksNames: of hosts, though their addresses are known.
  func start(
    _ request: Request, endpoint: Int, token: Bytes?, limit: Span?, connecting: Span, afresh: Bool,
    asksInHandshake: Bool, asksNames: Bool
  ) -> Call {
    let url = settings.endpoints[endpoint]
    let secure = Settings.isSecure(url)
    var headers = ["content-type: application/grpc", "te: trailers", "expect:", "accept:"]
    // A watch at a node without a leader would be silent for ever.
    if request.method == .watch { headers.append("hasleader: true") }
    if let token { headers.append("token: \(token.text)") }
    let call = Call(request, endpoint: endpoint, headers: headers)
    let handle = call.handle
    clibrary_set_text(handle, CURLOPT_URL, "\(url)/etcdserverpb.\(request.method.rawValue)")
    clibrary_set_http2(handle, secure ? 1 : 0)
    clibrary_confine(handle)
    clibrary_set_text(handle, CURLOPT_PROXY, "")
    clibrary_set_number(handle, CURLOPT_NOSIGNAL, 1)
    clibrary_set_number(handle, CURLOPT_FOLLOWLOCATION, 0)
    // A lock is not lost since nobody answers for names.
    clibrary_set_number(handle, CURLOPT_DNS_CACHE_TIMEOUT, asksNames ? 0 : -1)
    clibrary_set_number(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(connecting.milliseconds))
    if let limit { clibrary_set_number(handle, CURLOPT_TIMEOUT_MS, Int(limit.milliseconds)) }
    if secure {
      setTLS(handle)
      if asksInHandshake { clibrary_limit_to_tls12(handle) }
    }
    if !secure && !reusesPlain {
      clibrary_set_number(handle, CURLOPT_FRESH_CONNECT, 1)
      clibrary_set_number(handle, CURLOPT_FORBID_REUSE, 1)
    } else {
      clibrary_set_number(handle, afresh ? CURLOPT_FRESH_CONNECT : CURLOPT_PIPEWAIT, 1)
    }
    curl_multi_add_handle(multi, handle)
    return call
  }

  private func setTLS(_ handle: UnsafeMutableRawPointer) {
    if let path = settings.authorities { clibrary_set_text(handle, CURLOPT_CAINFO, path) }
    if let path = settings.certificate { clibrary_set_text(handle, CURLOPT_SSLCERT, path) }
    if let path = settings.key { clibrary_set_text(handle, CURLOPT_SSLKEY, path) }
    if settings.skipsVerification {
      clibrary_set_number(handle, CURLOPT_SSL_VERIFYPEER, 0)
      clibrary_set_number(handle, CURLOPT_SSL_VERIFYHOST, 0)
    }
  }

  /// What the server still does about it is its own affair; its answer is not waited for.
  func stop(_ call: Call) { curl_multi_remove_handle(multi, call.handle) }

  /// Waits until the server or swlock says something, or until `time`.
  func wait(until time: Boottime, for seam: Seam) {
    let left = time - Boottime.now()
    let events = Int16(CURL_WAIT_POLLIN) | (seam.hasMore ? Int16(CURL_WAIT_POLLOUT) : 0)
    var descriptor = curl_waitfd(fd: seam.descriptor, events: events, revents: 0)
    let milliseconds = max(0, min(left.milliseconds + 1, 60_000))
    curl_multi_poll(multi, &descriptor, seam.ended ? 0 : 1, CInt(milliseconds), nil)
  }

  /// Moves all calls on; those of `calls` that are over have their `result` then.
  func proceed(_ calls: [Call]) {
    var running: CInt = 0
    var queued: CInt = 0
    curl_multi_perform(multi, &running)
    while let message = curl_multi_info_read(multi, &queued) {
      guard message.pointee.msg == CURLMSG_DONE else { continue }
      for call in calls where call.handle == message.pointee.easy_handle {
        call.result = message.pointee.data.result
      }
    }
  }
}
