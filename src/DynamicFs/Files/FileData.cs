namespace DynamicFs.Files;

/// <summary>Data of one file that is not in an extent yet. Placeholder for the file data layer.</summary>
internal sealed partial class FileData;
