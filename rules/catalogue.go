// Package rules holds what fpmlint looks for: one file for each rule, its documentation beside it.
// A rule sees a stack alone: it opens no file and runs nothing.
package rules

import (
	"slices"

	"fpmlint/lint"
)

// all lists the rules in catalogue order, family by family: where two fixes overlap, the first rule's
// wins.
var all = []lint.Rule{
	// start
	NginxSyntax,
	FPMSyntax,
	PoolHashComment,
	FPMConfig,
	IncludeMatchesNothing,
	BackupConfigIncluded,
	DirectiveAfterInclude,
	PHPValueShadowed,
	ScalarOverridden,
	UpstreamUnresolvable,

	// connectivity
	SocketMismatch,
	PassForm,
	ListenForm,
	UpstreamDefaultPort,
	ListenPermissions,
	ListenConflict,
	ListenAllowedClients,
	ListenBacklog,
	KeepalivePinsWorkers,
	NoLiveUpstream,
	ProxyUnreachable,
	ProxyPassToFPM,
	LocalhostDualStack,
	MaxFailsBlackout,
	NextUpstream,
	UpstreamDNSPinned,
	VariablePassNoResolver,
	PrivateTmp,
	SELinuxContext,

	// capacity
	MaxChildrenMemory,
	MaxChildrenDefault,
	ProcessMax,
	SpareServers,
	FileLimit,
	MaxRequestsUnlimited,

	// crashes
	EmergencyRestart,
	ProcessControlTimeout,
	XdebugEnabled,
	NoRestartPolicy,
	MemoryLimitUnbounded,
	OpcacheMemory,

	// time
	ReadTimeoutZero,
	LowReadTimeout,
	TimeoutOrder,
	UnboundedRequest,
	FPMTimeUnit,
	ConnectTimeout,
	EdgeTimeout,

	// buffers
	LowHeaderBuffer,
	LowBodyBuffers,
	BusyBuffers,
	BufferingOff,
	TempPath,

	// requests
	ScriptFilename,
	FastcgiParams,
	ScriptFilenameTwice,
	FastcgiParamShadowed,
	InternalPathsPublic,
	NestedLocation,
	PathInfoExec,
	PathInfoLost,
	ErrorPageLoop,
	Httpoxy,

	// exposure
	SocketWorldWritable,
	FPMExposed,
	PoolRunsAsRoot,
	PoolUserShared,
	LimitExtensionsEmpty,

	// observability
	Slowlog,
	StaticSilent,
	ErrorLogLevel,
	UpstreamLog,
	RequestID,

	// edge
	CloudflareRanges,
	CacheStampede,
	AdminAjaxShared,
	WPCronWeb,

	// policy
	UnusedSuppression,

	// upgrade
	StalePHPVersion,
	PoolLeftBehind,
	PoolSettingsLost,
	INISettingsLost,
	ExtensionLost,
	VersionedPath,
	OldServiceEnabled,
}

// All returns the rules in catalogue order.
func All() []lint.Rule { return slices.Clone(all) }
