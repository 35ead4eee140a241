extension Client {
  /// What is to be told where etcd refuses a call for good.
  func failure(_ status: GRPCStatus, about name: Bytes) -> Failure {
    let user = settings.user.map { "user \($0.text)" } ?? "this client"
    switch status.code {
    case GRPCStatus.Code.resourceExhausted where status.says("space exceeded"):
      return Failure(
        .noSpace,
        "etcd's database is full (\(status.reason)): compact and defragment it, then etcdctl alarm disarm"
      )
    case GRPCStatus.Code.permissionDenied:
      return Failure(
        .notPermitted, "\(user) may not read and write \(name.text)/ in etcd: \(status.reason)")
    case _ where settings.user == nil && status.wantsUser:
      return Failure(
        .notPermitted,
        "etcd wants a user and password, ETCDCTL_USER and ETCDCTL_PASSWORD: \(status.reason)")
    case GRPCStatus.Code.unimplemented:
      return Failure(.unavailable, "not an etcd with API v3: \(status.reason)")
    default:
      return Failure(
        .software, "etcd does not take the request: \(status.reason) (\(status.code ?? -1))")
    }
  }

  /// Where user and password are wrong.
  func failure(ofUser status: GRPCStatus) -> Failure {
    Failure(.notPermitted, "etcd refuses user \((settings.user ?? []).text): \(status.reason)")
  }

  /// Where nobody answers: over certificates, or for `limit`.
  func failure(unanswered limit: Span, _ lane: Lane) -> Failure? {
    guard let since = failing(lane) else { return nil }
    if endpoints.distrusted.count == endpoints.count
      || (!endpoints.everAnswered && endpoints.allFailed && !endpoints.distrusted.isEmpty)
    {
      return Failure(.notPermitted, "no TLS with etcd, over a certificate: \(lastReason)")
    }
    if Boottime.now() - since < limit { return nil }
    return Failure(
      .unavailable,
      "\(nobody) answers for \(limit.nanoseconds / 1_000_000_000) s, last \(lastReason)")
  }

  /// Where nobody has ever answered.
  var failureUnanswered: Failure {
    Failure(
      .unavailable, "\(nobody) has answered\(lastReason.isEmpty ? "" : ", last \(lastReason)")")
  }

  private var nobody: String {
    endpoints.count > 1 ? "none of \(endpoints.count) endpoints" : "no etcd"
  }
}

extension GRPCStatus {
  fileprivate var wantsUser: Bool {
    code == Code.unauthenticated || says("user name is empty") || says("user name not found")
  }
}
