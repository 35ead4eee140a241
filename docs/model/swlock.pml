/* swlock.pml - the final protocol: chain of retire rights + fenced exits.
 *
 * acquire: link(c(x), L)
 * retire(a) by right claim w (used by release, break, --force, late refresh):
 *   WALK   follow a -> T(a) -> T(T(a)) .. to the tail, note the holders ch[0..d-1];
 *          a live right holder on the way: busy
 *   LINKT  link(c(w), T(tail))                      exclusive: the right, if the rest verifies
 *   FENCE  for every noted holder: mkdir(X(ch[i])), then T(previous) is still ch[i]?
 *   VER    L is a?; a is still stale? (breakers)
 *   ACT    rename(L, X(w))   EISDIR if w itself has been fenced meanwhile
 *   POST   X(w) is a?  unlink(X(w))
 *   GC     unlink T(a), T(ch[0]), .. T(tail)
 * back out: rename(T(tail), X(w)), unlink(X(w)) - fenced, too.
 *
 * environment: EXPIRE (claims expire), REVOKE (right holders are revoked when expired, not only
 *   when dead), NFS (lost replies: error reported though done), MAXFORCE=n, MAXCRASH=n, MAXEXP=n, MAXTRF=n,
 *   DUP (with NFS: a retransmitted rename is executed twice: fails, must be excluded by the server),
 *   JANITOR=1 (safe) or 2, 3 (wrong), SKEW (clock skew > slop), NF=n flufl.lock-like processes
 *   (FNOBREAK: they never break); FDEADONLY policy: their locks are broken only when the owner is
 *   dead; SETTLE: after link(c(x),L), wait out their check-to-unlink window, then L is still mine?;
 *   QUIET: before ACT touch h, wait out that window, then L is still h?; FFOK: do not count what
 *   flufl-like processes do to each other; FVICTIM: nor what swlock does to them; STALL: a breaker may
 *   stall between QUIET and ACT for longer than SETTLE waits
 * variants: TAKEOVER (ACT of all but release = rename(arm(w), L)), TRANSFER (an owner may put another
 *   claim in the place of its own, ACT = rename(arm(w), L); all others remove), RECLAIM (late refresh), BLIND (heartbeats that come
 *   late, too), NOREBIRTH
 * mutations, each must fail: M_NOFENCE M_NOCHAIN M_NOVER M_NOVER2 M_BACKUNLINK M_UNLINKL M_RELNAIVE
 *   M_RCLNOCHECK M_NODISARM (with TRANSFER or TAKEOVER)
 */
#include "common.pml"
#define TRY   0
#define WALK  2
#define BUSY  3
#define LINKT 4
#define FMK   6
#define FARM  7
#define FCHK  8
#define VER1  9
#define VER2  10
#define ACT   11             /* 11 and 27 are known to common.pml */
#define POST  12
#define GC    13
#define BACK  15
#define BACK2 16
#define CS    17
#define TOUCH 18
#define STL   20
#define STT   21
#define STX   22
#define STB   23
#define STA   24
#define SETL  25
#define QTCH  26
#define QWT   27
#define STUCK 61             /* bound on tokens reached: this process stops here (safety runs) */
#ifdef LIVE
#define NOIDS(p) assert(false)
#else
#define NOIDS(p) pc[p]=STUCK
#endif

#define BRK  0
#define REL  1
#define RCL  2
#define FRC  3
#define TRF  4

/* fencing makes the revocation of a right holder safe at any time: --force does not wait */
#define RST(p,q) (RSTALE(q) || md[p]==FRC)
#define CH(p,j) ch[(p)*CHD+(j)]

/* after a back out: a breaker tries again, an owner has lost */
#ifdef TRANSFER              /* a transfer that fails leaves the owner as it was */
inline blost(p) { if :: md[p]==TRF -> doneright(p); pc[p]=CS :: else -> doneright2(p); pc[p]=TRY fi }
inline lost(p) { printf("P%d: lost / gives up\n", p); if :: md[p]==TRF -> doneright(p); pc[p]=CS :: else -> doneright(p); doneowner(p); pc[p]=TRY fi }
#else
inline blost(p) { doneright2(p); pc[p]=TRY }
inline lost(p) { printf("P%d: lost / gives up\n", p); doneright(p); doneowner(p); pc[p] = TRY }
#endif
inline doneright2(p) { if :: md[p]==REL || md[p]==RCL -> doneowner(p) :: else fi; doneright(p) }

#define PSTEPS \
  /* ---- acquire: link(c(x), L) */ \
  :: d_step { pc[p]==TRY && L==0 -> findfree(); \
       if :: f==0 -> NOIDS(p) \
          :: else -> x[p]=f; L=f; f=0; ACQUIRED(p); printf("P%d: link(claim %d, L) = 0: owner\n", p, x[p]) fi; canon() } \
  :: d_step { pc[p]==TRY && L!=0 && LSTALE -> h[p]=L; m[p]=L; md[p]=BRK; pc[p]=WALK; printf("P%d: L is claim %d, stale\n", p, L); canon() } \
  :: d_step { pc[p]==TRY && L!=0 && nforce < MAXFORCE -> nforce++; h[p]=L; m[p]=L; md[p]=FRC; pc[p]=WALK; printf("P%d: --force: L is claim %d\n", p, L); canon() } \
  /* ---- the right */ \
  :: d_step { pc[p]==WALK -> n[p] = T[m[p]]; \
       if :: n[p]==0 -> pc[p]=LINKT \
          :: n[p]!=0 && RST(p,n[p]) && d[p]<CHD -> CH(p,d[p])=n[p]; d[p]=d[p]+1; m[p]=n[p]; n[p]=0 \
          :: else -> CHDCHK(p); if :: md[p]==REL || md[p]==RCL || md[p]==TRF -> lost(p) :: else -> pc[p]=BUSY; clearch(p) fi fi; canon() } \
  :: d_step { pc[p]==BUSY && (T[m[p]]!=n[p] || RST(p,n[p]) || L!=h[p]) -> doneright(p); pc[p]=TRY; canon() } \
  :: d_step { pc[p]==LINKT -> \
       if :: T[m[p]]!=0 -> m[p]=h[p]; clearch(p); pc[p]=WALK \
          :: else -> findfree(); \
             if :: f==0 -> NOIDS(p) \
                :: else -> w[p]=f; T[m[p]]=f; f=0; tl[p]=m[p]; m[p]=h[p]; ARM(p); pc[p]=AFTERLINKT(p); \
                   printf("P%d: link(claim %d, T(%d)) = 0\n", p, w[p], tl[p]); k=0 fi fi; NEXTF(p); canon() } \
  /* ---- fence all holders between head and me. m: the previous one; ix: index */ \
  :: d_step { pc[p]==FMK -> \
       if :: X[CH(p,ix[p])]==0 -> X[CH(p,ix[p])]=M_DIR; printf("P%d: mkdir(X(%d)) = 0\n", p, CH(p,ix[p])) \
          :: else -> printf("P%d: mkdir(X(%d)) EEXIST\n", p, CH(p,ix[p])) fi; \
       pc[p]=AFTERMK; canon() } \
  :: d_step { pc[p]==FARM -> arm[CH(p,ix[p])]=0; printf("P%d: unlink(arm(%d))\n", p, CH(p,ix[p])); pc[p]=FCHK; canon() } \
  :: d_step { pc[p]==FCHK -> \
       if :: M_CHAIN(T[m[p]]!=CH(p,ix[p])) -> printf("P%d: T(%d) is not %d any more\n", p, m[p], CH(p,ix[p])); pc[p]=BACK; m[p]=0; clearch(p) \
          :: else -> m[p]=CH(p,ix[p]); ix[p]=ix[p]+1; pc[p]=FMK fi; NEXTF(p); canon() } \
  /* ---- verify */ \
  :: d_step { pc[p]==VER1 -> \
       if :: M_VER(L!=h[p]) -> printf("P%d: L is not %d any more\n", p, h[p]); clearch(p); pc[p]=BACK \
          :: else -> if :: md[p]==REL -> pc[p]=TOACT :: md[p]==FRC -> pc[p]=TOACT :: md[p]==TRF -> pc[p]=ACT :: md[p]==RCL -> clearch(p); pc[p]=TOUCH :: md[p]==BRK -> pc[p]=VER2 fi fi; canon() } \
  :: d_step { pc[p]==VER2 -> \
       if :: M_VER2(STALE(h[p])) -> pc[p]=TOACT :: else -> printf("P%d: %d is not stale any more\n", p, h[p]); clearch(p); pc[p]=BACK fi; canon() } \
  /* ---- act: rename(L, X(w)) */ \
  :: d_step { pc[p]==ACT && CANREMOVE(p) -> \
       if :: M_ACT(X[w[p]]==DIR) -> printf("P%d: rename(L, X(%d)) EISDIR: I was fenced\n", p, w[p]); lost(p) \
          :: else -> if :: L==0 -> printf("P%d: rename(L, X(%d)) ENOENT\n", p, w[p]); clearch(p); pc[p]=BACK \
             :: else -> printf("P%d: rename(L, X(%d)), L is claim %d\n", p, w[p], L); \
                if :: md[p]==FRC || FTAKEN(L) -> forcedoff(L) :: else -> chkremove(p,L) fi; \
                X[w[p]]=L; L=0; pc[p]=AFTERACT fi fi; canon() } \
  :: d_step { pc[p]==POST -> M_POSTCHK(X[w[p]]==h[p]); X[w[p]]=0; m[p]=h[p]; h[p]=0; tl[p]=0; pc[p]=GC; canon() } \
  /* ---- gc, from the head down: m: unlink T(m); ix: index of the next */ \
  :: d_step { pc[p]==GC -> printf("P%d: gc: unlink(T(%d))\n", p, m[p]); T[m[p]]=0; \
       if :: ix[p]==d[p] -> DONE(p) :: else -> m[p]=CH(p,ix[p]); CH(p,ix[p])=0; ix[p]=ix[p]+1 fi; canon() } \
  /* ---- back out: rename(T(tl), X(w)) */ \
  :: d_step { pc[p]==BACK -> \
       if :: M_BACK(X[w[p]]==DIR) -> printf("P%d: rename(T(%d), X(%d)) EISDIR\n", p, tl[p], w[p]); lost(p) \
          :: else -> if :: T[tl[p]]==0 -> printf("P%d: rename(T(%d), X(%d)) ENOENT\n", p, tl[p], w[p]); blost(p) \
             :: else -> printf("P%d: rename(T(%d), X(%d)), is claim %d\n", p, tl[p], w[p], T[tl[p]]); \
                X[w[p]]=T[tl[p]]; T[tl[p]]=0; pc[p]=AFTERBACK fi fi; canon() } \
  :: d_step { pc[p]==BACK2 -> \
       if :: md[p]==RCL && X[w[p]]==w[p] && (late[p]==0 || ex[x[p]]==3) && h[p]==0 -> \
             X[w[p]]=0; doneright(p); pc[p]=CS; if :: late[p]==0 && ex[x[p]]!=3 -> believe(p) :: else fi; printf("P%d: reclaimed %d\n", p, x[p]) \
          :: else -> X[w[p]]=0; blost(p) fi; canon() } \
  /* ---- late refresh */ \
  :: d_step { pc[p]==TOUCH -> late[p]=0; if :: ex[x[p]]<3 -> ex[x[p]]=0 :: else fi; h[p]=0; pc[p]=AFTERTOUCH(p); printf("P%d: touch(%d)\n", p, x[p]); canon() }

/* no holder left to fence: verify */
#define NEXTF(p) if :: pc[p]==FMK && ix[p]==d[p] -> pc[p]=VER1; m[p]=0; ix[p]=0 :: else fi
#ifdef LIVE
#define CHDCHK(p) assert(d[p]<CHD)
#else
#define CHDCHK(p) skip
#endif

#if defined(TAKEOVER) || defined(TRANSFER)
#ifdef TRANSFER              /* only transfers arm their claim; all the others remove */
#define ARM(p) if :: md[p]==TRF -> arm[w[p]]=1 :: else fi
#define CANREMOVE(p) (md[p]!=TRF)
#else
#define ARM(p) arm[w[p]]=1
#define CANREMOVE(p) (md[p]==REL)
#endif
#ifdef M_NODISARM
#define AFTERMK FCHK
#else
#define AFTERMK FARM
#endif
#define DONE(p) if :: x[p]!=0 && x[p]==w[p] -> w[p]=0; doneright(p); pc[p]=CS :: else -> doneright2(p); pc[p]=TRY fi
#ifdef NFS
#define TAKEN(p)
#define STAPC STA
#define TNSTEPS \
  :: d_step { pc[p]==STA -> if :: L==w[p] -> if :: late[p]==0 && ex[w[p]]!=3 -> believe(p) :: else fi; pc[p]=GC \
       :: else -> printf("P%d: rename(arm(%d), L) failed\n", p, w[p]); lost(p) fi; canon() }
#else
#define TAKEN(p) if :: late[p]==0 && ex[w[p]]!=3 -> believe(p) :: else fi;
#define STAPC GC
#define TNSTEPS
#endif
#define TSTEPS \
  :: d_step { pc[p]==ACT && !CANREMOVE(p) -> \
       if :: arm[w[p]]==0 -> printf("P%d: rename(arm(%d), L) ENOENT: I was fenced\n", p, w[p]); lost(p) \
          :: else -> printf("P%d: rename(arm(%d), L), L was claim %d\n", p, w[p], L); \
             if :: md[p]==FRC -> forcedoff(L) :: else -> chkremove(p,L) fi; \
             arm[w[p]]=0; bel[p]=0; L=w[p]; x[p]=w[p]; late[p]=(ex[w[p]]!=0); TAKEN(p) \
             m[p]=h[p]; h[p]=0; tl[p]=0; pc[p]=STAPC fi; canon() } \
  TNSTEPS
#else
#define ARM(p) skip
#define AFTERMK FCHK
#define CANREMOVE(p) true
#define DONE(p) doneright2(p); pc[p]=TRY
#define TSTEPS
#endif

#ifdef RECLAIM               /* a refresh that came late (seen by reading the clock after the touch) proves nothing: BLIND */
#ifdef BLIND
#define BSTEPS(p) :: d_step { pc[p]==CS && late[p]!=0 && (ex[x[p]]==1 || ex[x[p]]==2) -> ex[x[p]]=0; printf("P%d: touch(%d), too late\n", p, x[p]); canon() }
#else
#define BSTEPS(p)
#endif
#define RSTEPS \
  BSTEPS(p) \
  :: d_step { pc[p]==CS && late[p]!=0 -> printf("P%d: late refresh of %d\n", p, x[p]); h[p]=x[p]; m[p]=x[p]; md[p]=RCL; pc[p]=WALK; canon() }
#else
#define RSTEPS
#endif

#define RELEASE(p) bel[p]=0; h[p]=x[p]; m[p]=x[p]; md[p]=REL; pc[p]=WALK; printf("P%d: release %d\n", p, x[p]); canon()
#ifndef MAXTRF
#define MAXTRF 255           /* 255 = unbounded */
#endif
#if MAXTRF != 255
#define CNTTRF ntrf++
#else
#define CNTTRF skip
#endif
#ifdef TRANSFER              /* the owner goes on holding the lock until the act */
#define TRSTEPS :: d_step { pc[p]==CS && ntrf < MAXTRF -> CNTTRF; h[p]=x[p]; m[p]=x[p]; md[p]=TRF; pc[p]=WALK; printf("P%d: transfer %d\n", p, x[p]); canon() }
#else
#define TRSTEPS
#endif

#ifdef QUIET                 /* flufl-like processes may be breaking h: touch it, wait out their window, verify again */
#define TOACT QTCH
#define QSTEPS \
  :: d_step { pc[p]==QTCH -> if :: ex[h[p]]<3 -> ex[h[p]]=0 :: else fi; pc[p]=QWT; printf("P%d: touch(claim %d), wait\n", p, h[p]); canon() } \
  :: d_step { pc[p]==QWT && FQUIET -> if :: L==h[p] -> pc[p]=ACT :: else -> printf("P%d: L is not %d any more\n", p, h[p]); clearch(p); pc[p]=BACK fi; canon() }
#else
#define TOACT ACT
#define QSTEPS
#endif
#ifdef SETTLE                /* claims of flufl-like processes exist: wait out their check-to-unlink window */
#define ACQUIRED(p) pc[p]=SETL
#define SSTEPS \
  :: d_step { pc[p]==SETL && FQUIET && NOACT -> if :: L==x[p] -> if :: late[p]==0 && ex[x[p]]!=3 -> believe(p) :: else fi; pc[p]=CS; printf("P%d: settled\n", p) \
       :: else -> printf("P%d: lost while settling\n", p); doneowner(p); pc[p]=TRY fi; canon() }
#else
#ifdef NFS                   /* reply lost: error, though done. then: is L mine? */
#define ACQUIRED(p) pc[p]=STL
#define SSTEPS \
  :: d_step { pc[p]==STL -> if :: L==x[p] -> if :: late[p]==0 && ex[x[p]]!=3 -> believe(p) :: else fi; pc[p]=CS \
       :: else -> printf("P%d: link failed, and L is not mine\n", p); doneowner(p); pc[p]=TRY fi; canon() }
#else
#define ACQUIRED(p) believe(p); pc[p]=CS
#define SSTEPS
#endif
#endif
#ifdef NFS
#define AFTERLINKT(p) STT
#define AFTERACT STX
#define AFTERBACK STB
#define NSTEPS \
  :: d_step { pc[p]==STT -> if :: T[tl[p]]==w[p] -> pc[p]=FMK \
       :: else -> printf("P%d: link(claim %d, T(%d)) failed\n", p, w[p], tl[p]); blost(p) fi; NEXTF(p); canon() } \
  :: d_step { pc[p]==STX -> if :: X[w[p]]==0 -> clearch(p); pc[p]=BACK :: X[w[p]]==DIR -> lost(p) :: else -> pc[p]=POST fi; canon() } \
  DUPSTEP(p) \
  :: d_step { pc[p]==STB -> if :: X[w[p]]==0 -> blost(p) :: X[w[p]]==DIR -> lost(p) :: else -> pc[p]=BACK2 fi; canon() }
#else
#define AFTERLINKT(p) FMK
#define AFTERACT POST
#define AFTERBACK BACK2
#define NSTEPS
#endif
#ifdef DUP                   /* a server without duplicate request cache executes the retransmitted rename again */
#define DUPSTEP(p) :: d_step { pc[p]==STX && L!=0 && X[w[p]]!=DIR && X[w[p]]!=0 -> printf("server: rename(L, X(%d)) of P%d again, L is claim %d\n", w[p], p, L); chkremove(p,L); X[w[p]]=L; L=0; canon() }
#else
#define DUPSTEP(p)
#endif
#ifdef M_NOFENCE             /* no mkdir(X(.)) */
#define M_DIR 0
#else
#define M_DIR DIR
#endif
#ifdef M_NOCHAIN             /* no re-read of the chain after fencing */
#define M_CHAIN(e) false
#else
#define M_CHAIN(e) (e)
#endif
#ifdef M_NOVER               /* no "L is h?" */
#define M_VER(e) false
#else
#define M_VER(e) (e)
#endif
#ifdef M_NOVER2              /* no second look at staleness */
#define M_VER2(e) true
#else
#define M_VER2(e) (e)
#endif
#ifdef M_UNLINKL             /* unlink(L) instead of rename(L, X(w)) */
#define M_ACT(e) false
#else
#define M_ACT(e) (e)
#endif
#ifdef M_BACKUNLINK          /* unlink(T(tl)) instead of rename(T(tl), X(w)) */
#define M_BACK(e) false
#else
#define M_BACK(e) (e)
#endif
#ifdef M_RCLNOCHECK          /* late refresh: touch, and believe at once */
#define AFTERTOUCH(p) BACK; if :: late[p]==0 && ex[x[p]]!=3 -> believe(p) :: else fi
#else
#define AFTERTOUCH(p) BACK
#endif
#if NF > 0 || defined(M_NOVER) || defined(M_NOCHAIN) || defined(M_NOFENCE) || defined(M_BACKUNLINK) || defined(M_UNLINKL) || defined(M_RELNAIVE)
#define M_POSTCHK(e) if :: (e) -> skip :: else -> printf("P%d: !! moved a claim that was not the one verified\n", p) fi
#else
#define M_POSTCHK(e) assert(e)
#endif
#if NF > 0
#define ISF(q) (x[NP]==(q) || (NF>1 && x[NT-1]==(q)))
#ifdef FDEADONLY             /* policy: a flufl claim is broken only when its owner is dead */
#define LSTALE (dead[L]!=0 || (ex[L]==2 && !ISF(L)))
#else
#define LSTALE STALE(L)
#endif
#define FIN(q) (pc[q]==41 || pc[q]==42 || pc[q]==45)
#define FQUIET (!FIN(NP) && !(NF>1 && FIN(NT-1)))
#ifdef STALL                 /* a breaker may stall before its act for longer than SETTLE waits */
#define NOACT true
#else
#define NOACT (pc[0]!=ACT && pc[1]!=ACT && pc[NP-1]!=ACT)
#endif
#ifdef FFOK                  /* what flufl-like processes do to each other is their business */
#define chkremoveF(p,v) if :: v!=0 && ISF(v) -> forcedoff(v) :: else -> chkremove(p,v) fi
#else
#define chkremoveF(p,v) chkremove(p,v)
#endif
/* a flufl.lock process.  Breaks on expiry only (never on death), check - touch - unlink;
 * releases by touch - check - unlink; no self check of the deadline */
proctype F(byte p) {
end_f:
  do
  :: d_step { pc[p]==0 && L==0 -> findfree(); if :: f==0 -> pc[p]=STUCK :: else -> x[p]=f; L=f; f=0; believe(p); pc[p]=43; printf("F%d: link(claim %d, L) = 0: owner\n", p, x[p]) fi; canon() }
#ifndef FNOBREAK
  :: d_step { pc[p]==0 && L!=0 && ex[L]==2 -> pc[p]=41; printf("F%d: L is claim %d, expired\n", p, L); canon() }
  :: d_step { pc[p]==41 -> if :: L!=0 && ex[L]<3 -> ex[L]=0 :: else fi; pc[p]=42; printf("F%d: touch(L), which is claim %d\n", p, L); canon() }
  :: d_step { pc[p]==42 -> printf("F%d: unlink(L), which is claim %d\n", p, L); chkremoveF(p,L); L=0; pc[p]=0; canon() }
#endif
  :: d_step { pc[p]==43 -> bel[p]=0; if :: ex[x[p]]<3 -> ex[x[p]]=0 :: else fi; pc[p]=44; printf("F%d: release: touch(claim %d)\n", p, x[p]); canon() }
  :: d_step { pc[p]==44 -> if :: L==x[p] -> pc[p]=45 :: else -> printf("F%d: not locked\n", p); doneowner(p); pc[p]=0 fi; canon() }
  :: d_step { pc[p]==45 -> printf("F%d: unlink(L), which is claim %d\n", p, L); chkremoveF(p,L); L=0; doneowner(p); pc[p]=0; canon() }
#ifndef NOCRASH
  :: d_step { pc[p]!=0 && pc[p]!=PCRASHED && ncrash < MAXCRASH -> docrash(p) }
#endif
  od
}
#ifdef FVICTIM               /* .. and what a breaker does to them: do swlock's owners lose? */
#define FTAKEN(q) ISF(q)
#else
#define FTAKEN(q) false
#endif
#else
#define LSTALE STALE(L)
#define FTAKEN(q) false
#define FQUIET true
#define NOACT true
#endif

proctype P(byte p) {
#ifndef LIVE                 /* -DLIVE: all processes blocked is a deadlock, and is reported */
end_p:
#endif
  do
  PSTEPS
  TSTEPS
  RSTEPS
  TRSTEPS
  SSTEPS
  NSTEPS
  QSTEPS
#ifdef M_RELNAIVE
  :: d_step { pc[p]==CS -> bel[p]=0; if :: L==x[p] -> pc[p]=50; printf("P%d: release: L is mine\n", p) :: else -> doneowner(p); pc[p]=TRY fi; canon() }
  :: d_step { pc[p]==50 -> printf("P%d: release: unlink(L), is claim %d\n", p, L); chkremove(p,L); L=0; doneowner(p); pc[p]=TRY; canon() }
#else
#ifdef LIVE                  /* two steps: needs -DNOSYM */
  :: pc[p]==CS ->
progress:
     d_step { RELEASE(p) }
#else
  :: d_step { pc[p]==CS -> RELEASE(p) }
#endif
#endif
#ifndef NOCRASH
  :: d_step { pc[p]!=TRY && pc[p]!=PCRASHED && ncrash < MAXCRASH -> docrash(p) }
#endif
  od
}
init { atomic {
  run P(0); run P(1);
#if NP > 2
  run P(2);
#endif
#ifdef EXPIRE
  run Clock();
#endif
#if NF > 0
  run F(NP);
#endif
#if NF > 1
  run F(NP+1);
#endif
#ifdef JANITOR
  run Janitor();
#endif
} }
