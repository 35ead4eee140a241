internal import CLibrary

/// How a call has ended.
enum Outcome: Sendable {
  case answered(Bytes)
  /// By etcd, in so many words.
  case refused(GRPCStatus)
  /// Whether it was done is not known: it is asked again, elsewhere.
  case unanswered(String, Trouble)

  enum Trouble: Sendable {
    /// Nothing was sent.
    case unreachable
    /// The handshake of TLS failed over a certificate, ours or theirs.
    case certificate
    case other
  }
}

extension Outcome {
  /// Whether a server may have read the request.
  var mayHaveArrived: Bool {
    switch self {
    case .unanswered(_, .unreachable), .unanswered(_, .certificate): false
    case .answered, .refused, .unanswered(_, .other): true
    }
  }
}

extension Call {
  /// Of a call whose `result` is there. One that has no watch's stream of messages.
  var outcome: Outcome {
    // Some have said all that matters before the connection broke.
    if let code = status.code, code != GRPCStatus.Code.ok { return .refused(status) }
    guard result == CURLE_OK || status.code == GRPCStatus.Code.ok else {
      return .unanswered(reason, trouble)
    }
    guard status.code == GRPCStatus.Code.ok else {
      return .unanswered(
        "an answer that is not gRPC, HTTP status \(httpStatus): is that etcd's client port?", .other
      )
    }
    var last: Bytes?
    while let message = nextMessage() { last = message }
    return last.map { .answered($0) } ?? .unanswered("an answer without a message", .other)
  }

  private var trouble: Outcome.Trouble {
    switch result {
    case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST: return .unreachable
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE,
      CURLE_SSL_ISSUER_ERROR:
      return .certificate
    case CURLE_SSL_CONNECT_ERROR, CURLE_RECV_ERROR, CURLE_SEND_ERROR:
      // TLS 1.3 refuses a client's certificate after the handshake, when something is read or sent.
      return ["certificate", "unknown ca"].contains { says(reason, $0) } ? .certificate : .other
    default: return .other
    }
  }
}

/// Whether `part`, in lower case, is in `text`, in whatever case.
private func says(_ text: String, _ part: String) -> Bool {
  let text = text.utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
  let part = Bytes(part.utf8)
  guard text.count >= part.count else { return false }
  return (0...text.count - part.count).contains { text[$0..<$0 + part.count] == part[...] }
}
