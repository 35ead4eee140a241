internal import CLibrary

/// One call that is on its way: its handle of libcurl's, and what has come of the answer.
final class Call {
  let request: Request
  /// Its place among the endpoints.
  let endpoint: Int
  /// When it was sent: what the server counts from cannot be earlier.
  let sent = Boottime.now()
  fileprivate(set) var frames = FrameReader()
  fileprivate(set) var status = GRPCStatus()
  let handle: UnsafeMutableRawPointer
  private var headers: UnsafeMutablePointer<curl_slist>?
  private let errorText: UnsafeMutablePointer<CChar>

  /// Whether libcurl has told that it is over, and how.
  var result: CURLcode?

  init(_ request: Request, endpoint: Int, headers lines: [String]) {
    self.request = request
    self.endpoint = endpoint
    guard let handle = curl_easy_init() else { fatalError("curl_easy_init") }
    self.handle = handle
    for line in lines { headers = curl_slist_append(headers, line) }
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    clibrary_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    clibrary_set_pointer(handle, CURLOPT_HTTPHEADER, headers)
    let body = FrameReader.framed(request.payload)
    clibrary_set_number(handle, CURLOPT_POSTFIELDSIZE, body.count)
    body.withUnsafeBytes {
      let copied = UnsafeMutableRawPointer(mutating: $0.baseAddress)
      clibrary_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, copied)
    }
    let context = Unmanaged.passUnretained(self).toOpaque()
    clibrary_set_pointer(handle, CURLOPT_WRITEDATA, context)
    clibrary_set_receiver(handle, CURLOPT_WRITEFUNCTION) { data, size, count, context in
      received(data, size * count, context) { $0.frames.append($1) }
    }
    clibrary_set_pointer(handle, CURLOPT_HEADERDATA, context)
    clibrary_set_receiver(handle, CURLOPT_HEADERFUNCTION) { data, size, count, context in
      received(data, size * count, context) { $0.status.read(header: Bytes($1)) }
    }
  }

  deinit {
    curl_easy_cleanup(handle)
    curl_slist_free_all(headers)
    errorText.deallocate()
  }

  func nextMessage() -> Bytes? { frames.next() }

  /// Why libcurl has given up.
  var reason: String {
    let told = String(cString: errorText)
    return told.isEmpty ? String(cString: curl_easy_strerror(result ?? CURLE_OK)) : told
  }

  var httpStatus: Int { clibrary_http_status(handle) }
}

/// Returns what libcurl takes for an error if the answer cannot be read any further.
private func received(
  _ data: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
  _ take: (Call, UnsafeBufferPointer<UInt8>) -> Void
) -> Int {
  guard let context, let data else { return 0 }
  let call = Unmanaged<Call>.fromOpaque(context).takeUnretainedValue()
  data.withMemoryRebound(to: UInt8.self, capacity: count) {
    take(call, UnsafeBufferPointer(start: $0, count: count))
  }
  return call.frames.isBroken ? 0 : count
}
