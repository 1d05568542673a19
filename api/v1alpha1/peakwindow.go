package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PeakWindow is a time that returns, on the wall clock of a time zone. It begins at from on its weekdays, or
// when cron says, and ends at to, or after duration.
//
// +kubebuilder:validation:XValidation:rule="has(self.from) != has(self.cron)",fieldPath=".from",message="say when the window begins: either from (with weekdays) or cron"
// +kubebuilder:validation:XValidation:rule="has(self.to) != has(self.duration)",fieldPath=".to",message="say when the window ends: either to or duration"
// +kubebuilder:validation:XValidation:rule="!has(self.cron) || !has(self.weekdays)",fieldPath=".weekdays",message="cron says itself on which weekdays; leave weekdays out"
// +kubebuilder:validation:XValidation:rule="!has(self.toDaysLater) || has(self.to)",fieldPath=".toDaysLater",message="goes with to, not with duration"
// +kubebuilder:validation:XValidation:rule="!has(self.from) || !has(self.to) || self.from != self.to || (has(self.toDaysLater) && self.toDaysLater > 0)",fieldPath=".to",message="a window of zero length: to equals from; for a whole day set toDaysLater: 1"
// +kubebuilder:validation:XValidation:rule="!has(self.from) || !has(self.to) || self.from <= self.to || (has(self.toDaysLater) && self.toDaysLater > 0)",fieldPath=".to",message="lies before from; if the window crosses midnight, set toDaysLater: 1"
type PeakWindow struct {
	// Name tells the windows of a policy apart, in status and events.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// TimeZone is an IANA name: Europe/Berlin.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9_+/-]*$`
	// +kubebuilder:validation:XValidation:rule="self != 'Local' && timestamp('2000-01-01T00:00:00Z').getHours(self) >= 0",message="is no IANA time zone"
	TimeZone string `json:"timeZone"`

	// Weekdays on which the window begins; every day if left out.
	//
	// +kubebuilder:validation:MinItems=1
	// +listType=set
	// +optional
	Weekdays []Weekday `json:"weekdays,omitempty"`

	// From is the time of day at which the window begins: 09:00. Where the clocks skip it, the window begins when
	// they have; where it comes twice, the first time.
	//
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:Pattern=`^([01][0-9]|2[0-3]):[0-5][0-9]$`
	// +optional
	From string `json:"from,omitempty"`

	// Cron says when the window begins, in the five fields of cron, in place of weekdays and from.
	//
	// +kubebuilder:validation:MaxLength=120
	// +kubebuilder:validation:Pattern=`^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[^\s@=]+( +[^\s=]+){4})$`
	// +optional
	Cron string `json:"cron,omitempty"`

	// To is the time of day at which the window ends, 24:00 included. Where the clocks go back across it, the window ends
	// the second time.
	//
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:Pattern=`^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`
	// +optional
	To string `json:"to,omitempty"`

	// ToDaysLater is on which day to is meant, counted from the day on which the window begins: 1 for a window
	// that crosses midnight, 3 for one from Friday to Monday.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31
	// +optional
	ToDaysLater int32 `json:"toDaysLater,omitempty"`

	// Duration is how long the window lasts, in elapsed time whatever the clocks do, in place of to.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('744h')",message="must be from 1m to 744h (31 days)"
	// +optional
	Duration *metav1.Duration `json:"duration,omitempty"`

	// Holidays change the days on which the window begins.
	//
	// +optional
	Holidays *Holidays `json:"holidays,omitempty"`
}

// Weekday is the English name of a day of the week.
//
// +kubebuilder:validation:Enum=Monday;Tuesday;Wednesday;Thursday;Friday;Saturday;Sunday
type Weekday string

// Holidays are days of a calendar, and what they mean to a window.
type Holidays struct {
	// Rule is what a holiday means: the window does not begin on it (Skip), begins on it too whatever its
	// weekdays are (Also), or begins on none but holidays (Only).
	//
	// +kubebuilder:default=Skip
	// +optional
	Rule HolidayRule `json:"rule,omitempty"`

	// ConfigMap has the calendar.
	ConfigMap CalendarReference `json:"configMap"`
}

// HolidayRule is what a holiday means to a window.
//
// +kubebuilder:validation:Enum=Skip;Also;Only
type HolidayRule string

// What a holiday can mean to a window.
const (
	SkipHolidays HolidayRule = "Skip"
	AlsoHolidays HolidayRule = "Also"
	OnlyHolidays HolidayRule = "Only"
)

// CalendarReference names a key of a ConfigMap.
type CalendarReference struct {
	// Namespace of the ConfigMap: in a ClusterPeakPolicy only, and there always.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// Name of the ConfigMap.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Key whose value is the calendar: iCalendar (RFC 5545) where it begins with BEGIN:VCALENDAR, else a date
	// a line, as 2026-12-25; what follows a # is a comment.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}
